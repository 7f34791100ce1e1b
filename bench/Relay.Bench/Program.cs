using System.Runtime.InteropServices;
using Relay.Bench;

using var interrupt = new CancellationTokenSource();
using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, EndLoad);
using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, EndLoad);
return await BenchProgram.RunAsync(args, Console.Out, Console.Error, Console.IsErrorRedirected ? null : Console.Error, interrupt.Token);

// The first signal ends the load and prints the report; the second one is the system's.
void EndLoad(PosixSignalContext signal)
{
    signal.Cancel = !interrupt.IsCancellationRequested;
    interrupt.Cancel();
}
