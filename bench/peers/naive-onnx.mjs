// A predictor as people write it: MQTT.js and onnxruntime, one message at a time, every option at its default.
import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';
import ort from 'onnxruntime-node';

const [url, name, passwordFile, model, modelFile] = process.argv.slice(2);
const session = await ort.InferenceSession.create(modelFile);
const client = mqtt.connect(url, {
  clientId: name,
  username: name,
  password: readFileSync(passwordFile, 'utf8').trim(),
});
client.on('connect', () => {
  client.subscribe(`$share/predictors/echolot/v1/readings/+/${model}`, { qos: 1 });
});
client.on('message', (topic, payload, packet) => void answer(topic, payload, packet));

async function answer(topic, payload, packet) {
  const { id, values } = JSON.parse(payload.toString());
  const input = new ort.Tensor('float32', Float32Array.from(values), [1, values.length]);
  const { scores } = await session.run({ values: input });
  const [metal, rock] = scores.data;
  const prediction = {
    id,
    label: metal > rock ? 'metal' : 'rock',
    score: Math.max(metal, rock),
    scores: { metal, rock },
    agent: name,
  };
  client.publish(topic.replace('readings', 'replies'), JSON.stringify(prediction), {
    qos: packet.qos,
  });
}
