namespace Relay.Node.Loops;

/// <summary>
/// A descriptor that several threads use and one closes. A number that was closed is given to the next connection at once: a sender that came late would
/// write into somebody else's stream. So the close waits for whoever is inside a system call. Thread-safe; never copied.
/// </summary>
internal struct SharedDescriptor(int number)
{
    /// <summary>Far enough below zero that users who come after the close never lift it above.</summary>
    private const int Closed = int.MinValue / 2;

    private int _users;

    /// <summary>The descriptor; only to be used between <see cref="TryEnter"/> and <see cref="Exit"/>, or by whoever closes.</summary>
    public readonly int Number => number;

    /// <summary>False = it is closed. True must be followed by <see cref="Exit"/>.</summary>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _users) > 0)
        {
            return true;
        }

        Interlocked.Decrement(ref _users);
        return false;
    }

    public void Exit()
    {
        if (Interlocked.Decrement(ref _users) == Closed)
        {
            LibC.Close(number);
        }
    }

    /// <summary>Lets nobody in any more; closes now, or when the last one inside has left. Once only.</summary>
    public void Close()
    {
        if (Interlocked.Add(ref _users, Closed) == Closed)
        {
            LibC.Close(number);
        }
    }
}
