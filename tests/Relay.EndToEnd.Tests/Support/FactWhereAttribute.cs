using Relay.Testing;

namespace Relay.EndToEnd.Tests.Support;

/// <summary>What a test needs of the machine and not every machine has.</summary>
internal enum Needs
{
    /// <summary><see cref="Disks.WhyNot"/></summary>
    Mounts,

    /// <summary><see cref="Disks.WhyNoPowerCuts"/></summary>
    PowerCuts,

    /// <summary>A power cut, and <c>strace</c> to let system calls fail.</summary>
    FailingCalls,

    /// <summary><see cref="FarNetwork.WhyNot"/></summary>
    Networks,
}

/// <summary>A fact that is skipped, with the reason, where the machine cannot do what it needs.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWhereAttribute : FactAttribute
{
    public FactWhereAttribute(Needs needs)
    {
        Needs = needs;
        Skip = needs switch
        {
            Needs.Mounts => Disks.WhyNot,
            Needs.PowerCuts => Disks.WhyNoPowerCuts,
            Needs.Networks => FarNetwork.WhyNot,
            _ => Disks.WhyNoPowerCuts ?? Disks.WhyNoProgram("strace", "strace"),
        };
    }

    public Needs Needs { get; }
}
