using Relay.Bench;

using var interrupt = new CancellationTokenSource();
Console.CancelKeyPress += (_, press) =>
{
    // The first one ends the load and prints the report; the second one is the system's.
    press.Cancel = !interrupt.IsCancellationRequested;
    interrupt.Cancel();
};
return await BenchProgram.RunAsync(args, Console.Out, Console.Error, Console.IsErrorRedirected ? null : Console.Error, interrupt.Token);
