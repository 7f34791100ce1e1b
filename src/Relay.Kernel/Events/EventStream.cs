using System.Collections.Concurrent;
using Relay.Kernel.Cells;

namespace Relay.Kernel;

/// <summary>
/// Publish and subscribe by type within one system, for what is rare: failures, dead letters, events of the application. Publishing
/// reads an immutable snapshot and takes no lock; a subscription to a base type or interface gets all that derive from it. Used from any thread.
/// </summary>
public sealed class EventStream
{
    private readonly Lock _lock = new();
    private volatile Subscription[] _subscriptions = [];
    private ConcurrentDictionary<Type, Subscription[]> _byType = new();
    private long _subscriberFailures;

    internal long SubscriberFailures => Interlocked.Read(ref _subscriberFailures);

    /// <summary>Tells each published <typeparamref name="T"/> to the actor, until it stops or unsubscribes. Repeating it changes nothing.</summary>
    public void Subscribe<T>(IActorRef subscriber) => Subscribe(subscriber, typeof(T));

    /// <inheritdoc cref="Subscribe{T}(IActorRef)"/>
    public void Subscribe(IActorRef subscriber, Type type)
    {
        ArgumentNullException.ThrowIfNull(subscriber);
        ArgumentNullException.ThrowIfNull(type);
        lock (_lock)
        {
            if (!Array.Exists(_subscriptions, one => ReferenceEquals(one.Actor, subscriber) && one.Type == type))
            {
                Replace([.. _subscriptions, new Subscription(type, subscriber, null)]);
            }
        }
    }

    /// <summary>
    /// Calls the delegate on the publisher's thread: it must be short and thread-safe. One that throws is reported as
    /// <see cref="SubscriberFailed"/> and stays subscribed.
    /// </summary>
    /// <returns>Ends the subscription when disposed.</returns>
    public IDisposable Subscribe<T>(Action<T> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        var subscription = new Subscription(typeof(T), null, message => handler((T)message));
        lock (_lock)
        {
            Replace([.. _subscriptions, subscription]);
        }

        return new Unsubscriber(this, subscription);
    }

    public void Unsubscribe(IActorRef subscriber) => Remove(one => ReferenceEquals(one.Actor, subscriber));

    public void Unsubscribe(IActorRef subscriber, Type type) =>
        Remove(one => ReferenceEquals(one.Actor, subscriber) && one.Type == type);

    public void Publish(object message)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (_subscriptions.Length == 0)
        {
            return;
        }

        var byType = Volatile.Read(ref _byType);
        if (!byType.TryGetValue(message.GetType(), out var subscriptions))
        {
            var type = message.GetType();
            subscriptions = Array.FindAll(_subscriptions, one => one.Type.IsAssignableFrom(type));
            byType.TryAdd(type, subscriptions);
        }

        foreach (var subscription in subscriptions)
        {
            Deliver(subscription, message);
        }
    }

    private void Deliver(Subscription subscription, object message)
    {
        if (subscription.Actor is { } actor)
        {
            if (actor is ActorCell { IsTerminated: true })
            {
                // Told to the dead, a dead letter would be published to the dead again.
                Unsubscribe(actor);
                return;
            }

            actor.Tell(message);
            return;
        }

        try
        {
            subscription.Handler!(message);
        }
        catch (Exception exception)
        {
            Interlocked.Increment(ref _subscriberFailures);
            if (message is not SubscriberFailed)
            {
                Publish(new SubscriberFailed(message, exception));
            }
        }
    }

    private void Remove(Predicate<Subscription> unwanted)
    {
        lock (_lock)
        {
            Replace(Array.FindAll(_subscriptions, one => !unwanted(one)));
        }
    }

    private void Replace(Subscription[] subscriptions)
    {
        // In this order: a publisher that fills the old cache from the old list does no harm, one that fills the new from the old would.
        _subscriptions = subscriptions;
        Volatile.Write(ref _byType, new ConcurrentDictionary<Type, Subscription[]>());
    }

    private sealed record Subscription(Type Type, IActorRef? Actor, Action<object>? Handler);

    private sealed class Unsubscriber(EventStream stream, Subscription subscription) : IDisposable
    {
        public void Dispose() => stream.Remove(one => ReferenceEquals(one, subscription));
    }
}
