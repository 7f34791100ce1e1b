using Relay.Storage.Tests.Support;

// A child of the tests, not a program of its own: see the classes it calls.
return args switch
{
    ["append", var path] => await AppendingChild.RunAsync(path),
    ["measure", .. var rest] => await Measurement.RunAsync(rest),
    _ => 2,
};
