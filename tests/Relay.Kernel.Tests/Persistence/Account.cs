using System.Globalization;
using System.Text;
using Relay.Kernel.Persistence;

namespace Relay.Kernel.Tests.Persistence;

internal sealed record Add(int Amount);

internal sealed record AddAll(params int[] Amounts);

internal sealed record AddThenAdd(int First, int Second);

internal sealed record AddAndDefer(int Amount);

internal sealed record AddUnstorable;

internal sealed record Ask;

internal sealed record Snap;

internal sealed record Crash;

internal sealed record Forget(long UpTo);

internal sealed record Answered(int Total, long SequenceNr);

/// <summary>Adds numbers up; tells the test whatever happens. Events are integers, the state is an integer.</summary>
internal sealed class Account(PersistenceServices services, IActorRef test, string id = "account", long fence = 0) : PersistentActor(services)
{
    private int _total;

    public override string PersistenceId => id;

    protected override long Fence => fence;

    protected override void OnCommand(object message)
    {
        switch (message)
        {
            case Add add:
                Persist(add.Amount, Apply);
                break;
            case AddAll all:
                PersistAll(all.Amounts, Apply);
                break;
            case AddThenAdd two:
                Persist(two.First, first =>
                {
                    Apply(first);
                    Persist(two.Second, Apply);
                });
                break;
            case AddAndDefer add:
                DeferAsync("before", name => Sender.Tell(name, Self));
                Persist(add.Amount, Apply);
                DeferAsync("after", name => Sender.Tell(name, Self));
                break;
            case AddUnstorable:
                Persist("not a number", _ => test.Tell("handled what was never stored"));
                break;
            case Ask:
                Sender.Tell(new Answered(_total, LastSequenceNr), Self);
                break;
            case Snap:
                SaveSnapshot(_total);
                break;
            case Forget forget:
                DeleteMessages(forget.UpTo);
                break;
            case "become":
                Become(other => Sender.Tell("become: " + other, Self));
                break;
            case Crash:
                throw new InvalidOperationException("crash");
            default:
                test.Tell(message);
                break;
        }
    }

    protected override void OnRecover(object message)
    {
        switch (message)
        {
            case int amount:
                _total += amount;
                break;
            case SnapshotOffer offer:
                _total = (int)offer.State;
                break;
        }

        test.Tell(message is RecoveryCompleted ? "recovered" : message);
    }

    protected override void OnPersistFailure(Exception cause, object persisted, long sequenceNr) => test.Tell($"failure of {persisted} at {sequenceNr}: {Outcome(cause)}");

    protected override void OnPersistRejected(Exception cause, object persisted, long sequenceNr) => test.Tell($"rejected {persisted} at {sequenceNr}: {Outcome(cause)}");

    protected override void OnRecoveryFailure(Exception cause, object? message) => test.Tell("recovery failed: " + Outcome(cause));

    private static string Outcome(Exception cause) => cause is PersistException refused ? refused.Result.Outcome.ToString() : cause.GetType().Name;

    private void Apply(int amount)
    {
        _total += amount;
        Sender.Tell(new Answered(_total, LastSequenceNr), Self);
    }
}

/// <summary>Integers as text.</summary>
internal sealed class IntegerSerializer : IEventSerializer
{
    public ReadOnlyMemory<byte> Serialize(object value) => Encoding.ASCII.GetBytes(((int)value).ToString(CultureInfo.InvariantCulture));

    public object Deserialize(ReadOnlyMemory<byte> bytes) => int.Parse(bytes.Span, CultureInfo.InvariantCulture);
}
