// A user's ONNX model under examination: what it declares, and what it says to a few rows.
import './ort-without-telemetry.ts';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { OnnxValue } from './onnx-values.ts';

export interface PackSession {
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /**
   * Runs rows through the model, one after the other.
   * @returns the raw output of each row
   * @throws {Error} the model fails, or gives no float32
   */
  run(output: string, rows: readonly Float32Array[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** @throws {Error} the runtime does not load the model */
export async function openPackSession(model: Uint8Array): Promise<PackSession> {
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  const [input] = session.inputMetadata;
  const rowShape = input?.isTensor ? input.shape.slice(1).map(Number) : [];
  return {
    inputs: session.inputMetadata.map(toValue),
    outputs: session.outputMetadata.map(toValue),
    async run(output, rows) {
      const results: Float32Array[] = [];
      for (const row of rows) {
        const feeds = { [input?.name ?? '']: new Tensor('float32', row, [1, ...rowShape]) };
        const { [output]: result } = await session.run(feeds, [output]);
        if (!(result?.data instanceof Float32Array)) throw new Error('it gives no float32');
        results.push(result.data.slice());
      }
      return results;
    },
    close: () => session.release(),
  };
}

function toValue(value: InferenceSession.ValueMetadata): OnnxValue {
  return value.isTensor
    ? { name: value.name, type: value.type, shape: value.shape }
    : { name: value.name, type: 'no tensor', shape: null };
}
