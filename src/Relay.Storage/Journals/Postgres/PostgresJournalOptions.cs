using System.Diagnostics.Metrics;
using Npgsql;
using Relay.Actors.Channels;

namespace Relay.Storage.Journals.Postgres;

/// <summary>Which database and how patiently. Immutable.</summary>
public sealed record PostgresJournalOptions
{
    /// <summary>Npgsql's connection string (<c>Relay:Postgres:Connection</c>); pooling, time-outs and name are set by the journal.</summary>
    public required string Connection { get; init; }

    /// <summary>Bounds of queue and transactions.</summary>
    public JournalLimits Limits { get; init; } = new();

    /// <summary>Where the journal counts what it does.</summary>
    public JournalMetrics Metrics { get; init; } = new(new Meter(JournalMetrics.MeterName));

    /// <summary>A server that does not answer a statement for so long is given up (SIGSTOP, a lost host); full seconds.</summary>
    public int CommandSeconds { get; init; } = 10;

    /// <summary>Connections for reading at most.</summary>
    public int Readers { get; init; } = 4;

    // More than the journal has. Planning costs as much as running what it does.
    private const int PreparedStatements = 30;

    /// <summary>For failures and logs; never the password.</summary>
    internal string Place
    {
        get
        {
            var settings = new NpgsqlConnectionStringBuilder(Connection);
            return $"the journal in PostgreSQL {settings.Host}:{settings.Port}/{settings.Database ?? settings.Username} (Relay:Postgres:Connection)";
        }
    }

    internal NpgsqlDataSource Source(string name, bool pooled)
    {
        var settings = new NpgsqlConnectionStringBuilder(Connection)
        {
            Pooling = pooled, MaxPoolSize = Readers, MinPoolSize = 0, TcpKeepAlive = true, CommandTimeout = CommandSeconds, Timeout = CommandSeconds,
            MaxAutoPrepare = PreparedStatements,
        };
        settings.ApplicationName ??= "relay-" + name;
        return new NpgsqlDataSourceBuilder(settings.ConnectionString).Build();
    }
}
