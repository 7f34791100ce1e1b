using Relay.Actors;
using Relay.Node.Admin;
using Relay.Node.Auth;
using Relay.Node.Configuration;
using Relay.Node.Configuration.Live;
using Relay.Node.Health;
using Relay.Node.Hosting;
using Relay.Node.Http;
using Relay.Node.Listeners;
using Relay.Node.Page;
using Relay.Node.Proxies;
using Relay.Node.Telemetry;

// What was asked: --help, --version, --check, --move-redis-streams, or to run with a configuration without a mistake.
var invocation = NodeInvocation.Read(args, Console.Out, Console.Error);
if (invocation.Options is not { } options)
{
    return invocation.ExitCode;
}

if (invocation.Errand is Errand.MoveRedisStreams)
{
    return await MoveRedisStreams.RunAsync(options, Console.Out, Console.Error);
}

// The rooms, in the order in which a message passes them.
var builder = WebApplication.CreateSlimBuilder();
var live = new LiveSettings(options.ForActors());
builder.AddRelayConfiguration(invocation, options);
builder.Services.AddRelayReload(invocation, options, live);
builder.Services.AddRelayHealth();
builder.Services.AddRelayMetrics();
builder.Services.AddRelayExport(options, invocation.Configuration);
builder.Services.AddRelayAuth(options.Auth);
builder.Services.AddRelayJournals(options);
builder.Services.AddRelayCluster(options);
builder.Services.AddRelayActors(options);
builder.Services.AddRelayBridges(options);
builder.Services.AddRelayApi();
builder.Services.AddRelayAdmin(options);
builder.Services.AddRelayPage(options);
new ListenerSetup(options.ForListeners()).AddTo(builder.Services, options.ForWebSockets(live));

// What the outside sees.
var app = builder.Build();
if (await app.OpenRelayAsync() is { } failed)
{
    return failed;
}

app.UseRelayFailureAnswers();
app.UseRelayProxies();
app.UseRelayWebSockets();
app.MapRelayHealth();
app.MapRelayMetrics();
app.MapRelayApi();
app.MapRelayAdmin();
app.MapRelayPage();
return await app.RunRelayAsync();
