namespace Relay.Node.Configuration;

/// <summary>The dashboard on listeners of dialect <c>auto</c>.</summary>
public sealed record DashboardOptions
{
    /// <summary>Whether it is served where it was built; otherwise the simple page is.</summary>
    public bool Enabled { get; init; } = true;

    /// <summary>Where it was built; empty = <c>wwwroot</c> beside the program.</summary>
    public string Folder { get; init; } = "";

    internal static DashboardOptions Read(SettingReader reader)
    {
        var usual = new DashboardOptions();
        return new DashboardOptions
        {
            Enabled = reader.Read("Dashboard:Enabled", Kinds.Flag, usual.Enabled, "Whether the dashboard is served at / where it was built; otherwise a simple page is."),
            Folder = reader.Read("Dashboard:Folder", Kinds.Text, usual.Folder, "Folder that holds the built dashboard; empty = wwwroot beside the program."),
        };
    }
}
