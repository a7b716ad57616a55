// Imported before onnxruntime-node: its Linux library otherwise keeps a device id in the temporary
// folder, leaves a mat-debug-PID.log there per process, and reports to mobile.events.data.microsoft.com.
process.env['ORT_DISABLE_TELEMETRY'] = '1';
