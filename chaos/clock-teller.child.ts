// For tests: a process that tells all its clocks when asked.
process.on('message', (message: unknown) => {
  if (message !== 'tell') return;
  const started = performance.now();
  // A timer of a tenth of a second: a jump of the wall clock does not fire it, nor hold it up.
  setTimeout(() => {
    process.send?.({
      now: Date.now(),
      // biome-ignore lint/complexity/useDateNow: the constructor is what is told
      constructed: new Date().getTime(),
      called: Date.parse(Date()),
      monotonic: performance.now(),
      timerMs: performance.now() - started,
      fixed: new Date(86_400_000).toISOString(),
      parts: new Date(2024, 0, 31).getDate(),
      isDate: new Date() instanceof Date && new Date().constructor === Date,
    });
  }, 100);
});
process.send?.('ready');
