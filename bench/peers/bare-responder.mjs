// The bar: a responder that does nothing but answer, in bare MQTT.js, without Nagle.
import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';

const [url, name, passwordFile, model] = process.argv.slice(2);
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
  const { id } = JSON.parse(payload.toString());
  const answer = JSON.stringify({
    id,
    label: 'metal',
    score: 0.97,
    scores: { metal: 0.97, rock: 0.03 },
    model: { name: model, version: '1.0.0', digest: `sha256:${'0'.repeat(64)}`, runtime: 'onnx' },
    agent: name,
  });
  client.publish(topic.replace('/readings/', '/replies/'), answer, { qos: packet.qos });
});
