// The bar for CBOR: a responder that does nothing but answer in the same form, in bare MQTT.js, without Nagle.
import { readFileSync } from 'node:fs';
import { Decoder, Encoder } from 'cbor-x';
import mqtt from 'mqtt';

const WIDTH = 60;
const [url, name, passwordFile, model] = process.argv.slice(2);
const encoder = new Encoder({ useRecords: false, mapsAsObjects: true, tagUint8Array: false });
const decoder = new Decoder({ useRecords: false, mapsAsObjects: true });
const tail = {
  model: { name: model, version: '1.0.0', digest: `sha256:${'0'.repeat(64)}`, runtime: 'onnx' },
  agent: name,
};
const labels = ['metal', 'rock'];
const one = { label: 'metal', score: 0.97, scores: { metal: 0.97, rock: 0.03 } };

const client = mqtt.connect(url, {
  clientId: name,
  username: name,
  password: readFileSync(passwordFile, 'utf8').trim(),
});
client.on('connect', () => {
  client.stream.setNoDelay(true);
  client.subscribe(`$share/predictors/echolot/v1/readings/+/${model}`, { qos: 1 });
});
client.on('message', (topic, payload, packet) => {
  const { id, values } = decoder.decode(payload);
  const answer = encoder.encode({ id, ...answerTo(values), ...tail });
  client.publish(topic.replace('/readings/', '/replies/'), answer, { qos: packet.qos });
});

function answerTo(values) {
  if (!(values instanceof Float32Array)) return one;
  const rows = values.length / WIDTH;
  return { labels, scores: new Float32Array(rows * 2).fill(0.5) };
}
