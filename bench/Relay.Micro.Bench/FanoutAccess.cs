using System.Globalization;
using System.Reflection;
using System.Reflection.Emit;
using Relay.Actors.Fanout;
using Relay.Protocol;

namespace Relay.Micro.Bench;

/// <summary>
/// The replica's loop with one set of subscribers. Both are internal to the actors' room, which opens itself to its own tests only, so they are bound
/// by name, once; a call then costs one delegate. Parameters behind these two take their defaults. A test runs every benchmark once, so a rename shows.
/// </summary>
internal sealed class FanoutAccess
{
    private const string Room = "Relay.Actors.Fanout.";
    private static readonly Assembly Actors = typeof(Subscription).Assembly;
    private static readonly Type SetType = Actors.GetType(Room + "SubscriberSet", throwOnError: true)!;
    private static readonly Type LoopType = Actors.GetType(Room + "FanoutLoop", throwOnError: true)!;

    private readonly object _subscribers = Activator.CreateInstance(SetType)!;
    private readonly MethodInfo _add = SetType.GetMethod("Add", [typeof(Subscription)])!;
    private readonly Sender _send = BindSend();

    private delegate void Sender(ReadOnlySpan<Publication> events, object subscribers);

    public void Add(Subscription subscription) => _add.Invoke(_subscribers, [subscription]);

    /// <summary><c>FanoutLoop.Send</c>.</summary>
    public void Send(ReadOnlySpan<Publication> events) => _send(events, _subscribers);

    private static Sender BindSend()
    {
        var target = LoopType.GetMethods().Single(static method =>
            method.Name == "Send" && method.GetParameters() is [var events, var subscribers, ..]
            && events.ParameterType == typeof(ReadOnlySpan<Publication>) && subscribers.ParameterType == SetType);
        var method = new DynamicMethod("Send", typeof(void), [typeof(ReadOnlySpan<Publication>), typeof(object)], typeof(FanoutAccess).Module, skipVisibility: true);
        var code = method.GetILGenerator();
        code.Emit(OpCodes.Ldarg_0);
        code.Emit(OpCodes.Ldarg_1);
        code.Emit(OpCodes.Castclass, SetType);
        foreach (var optional in target.GetParameters()[2..])
        {
            code.Emit(OpCodes.Ldc_I4, Convert.ToInt32(optional.RawDefaultValue, CultureInfo.InvariantCulture));
        }

        code.Emit(OpCodes.Call, target);
        code.Emit(OpCodes.Ret);
        return method.CreateDelegate<Sender>();
    }
}
