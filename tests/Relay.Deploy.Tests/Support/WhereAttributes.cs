using Relay.Testing;

namespace Relay.Deploy.Tests.Support;

/// <summary>What a test needs of the machine and not every machine has.</summary>
internal static class Missing
{
    public static string? Kubectl => Program("kubectl", "kubectl was not found: https://kubernetes.io/docs/tasks/tools/");

    public static string? Haproxy => Program("haproxy", "haproxy was not found: apt-get install haproxy");

    public static string? Promtool => Program("promtool", "promtool was not found: apt-get install prometheus");

    /// <summary>To mount a root file system that cannot be written.</summary>
    public static string? Container => Disks.WhyNot ?? Kubectl;

    private static string? Program(string name, string otherwise) => Disks.WhyNoProgram(name, name) is null ? null : otherwise;
}

/// <summary>A fact that is skipped, with the reason, where kubectl is not there.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWithKubectlAttribute : FactAttribute
{
    public FactWithKubectlAttribute() => Skip = Missing.Kubectl;
}

/// <summary>A theory that is skipped, with the reason, where kubectl is not there.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class TheoryWithKubectlAttribute : TheoryAttribute
{
    public TheoryWithKubectlAttribute() => Skip = Missing.Kubectl;
}

/// <summary>A fact that is skipped, with the reason, where no root file system can be made for a process, or kubectl is not there.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactInContainerAttribute : FactAttribute
{
    public FactInContainerAttribute() => Skip = Missing.Container;
}

/// <summary>A fact that is skipped, with the reason, where HAProxy is not there.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWithHaproxyAttribute : FactAttribute
{
    public FactWithHaproxyAttribute() => Skip = Missing.Haproxy;
}

/// <summary>A fact that is skipped, with the reason, where promtool is not there.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FactWithPromtoolAttribute : FactAttribute
{
    public FactWithPromtoolAttribute() => Skip = Missing.Promtool;
}
