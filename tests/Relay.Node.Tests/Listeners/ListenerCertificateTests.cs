using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Relay.Node.Listeners.Tls;
using Relay.Node.Tests.Support;
using Relay.Testing;

namespace Relay.Node.Tests.Listeners;

/// <summary>What becomes of a listener's certificate when its files change, without a network.</summary>
public sealed class ListenerCertificateTests : IDisposable
{
    private readonly TestAuthority _authority = new();
    private readonly MovableTime _time = new();
    private readonly LogLines _log = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    public void Dispose()
    {
        _authority.Dispose();
        _services.Dispose();
        _log.Dispose();
    }

    [Fact]
    public void A_new_certificate_is_taken_when_its_files_stand_still()
    {
        using var first = _authority.Server("first");
        using var second = _authority.Server("second");
        var certificate = Make(_authority.WritePem(first));
        Assert.Equal("CN=first", certificate.Current.Subject);
        certificate.Look();
        _authority.WritePem(second);
        certificate.Look();
        Assert.Equal("CN=first", certificate.Current.Subject);
        certificate.Look();
        Assert.Equal("CN=second", certificate.Current.Subject);
        Assert.Contains("CN=second", Assert.Single(_log.Lines), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no PEM at all", null)]
    [InlineData(null, "no key")]
    [InlineData(null, "")]
    public void Files_that_cannot_be_used_change_nothing_and_are_told_once(string? broken, string? brokenKey)
    {
        using var first = _authority.Server("first");
        var files = _authority.WritePem(first);
        var certificate = Make(files);
        if (broken is not null)
        {
            File.WriteAllText(files.Certificate, broken);
        }

        if (brokenKey is not null)
        {
            File.WriteAllText(files.Key, brokenKey);
        }

        for (var i = 0; i < 5; i++)
        {
            certificate.Look();
        }

        Assert.Equal("CN=first", certificate.Current.Subject);
        Assert.Contains("stays", Assert.Single(_log.Lines), StringComparison.Ordinal);
        _authority.WritePem(_authority.Server("mended"));
        certificate.Look(atOnce: true);
        Assert.Equal("CN=mended", certificate.Current.Subject);
    }

    [Fact]
    public void A_key_of_another_certificate_is_refused()
    {
        using var first = _authority.Server("first");
        using var second = _authority.Server("second");
        var files = _authority.WritePem(first);
        var certificate = Make(files);
        _ = _authority.WritePem(second, "other");
        File.Copy(_authority.File("other.pem"), files.Certificate, overwrite: true);
        certificate.Look(atOnce: true);
        Assert.Equal("CN=first", certificate.Current.Subject);
        Assert.Single(_log.Lines);
    }

    [Fact]
    public void One_that_has_ended_does_not_take_the_place_of_one_that_works()
    {
        using var first = _authority.Server("first");
        using var ended = _authority.Server("ended", days: -1, sinceDays: 5);
        var certificate = Make(_authority.WritePem(first));
        _authority.WritePem(ended);
        certificate.Look(atOnce: true);
        Assert.Equal("CN=first", certificate.Current.Subject);
        Assert.Contains("it ended on", Assert.Single(_log.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public void The_log_warns_once_a_day_before_the_end_and_says_when_it_has_come()
    {
        using var first = _authority.Server("first", days: 16);
        var certificate = Make(_authority.WritePem(first));
        certificate.Look();
        Assert.Empty(_log.Lines);
        foreach (var hours in new[] { 50, 1, 24, 1 })
        {
            _time.Advance(TimeSpan.FromHours(hours));
            certificate.Look();
        }

        Assert.Equal(2, _log.Lines.Count(static line => line.Contains("ends on", StringComparison.Ordinal)));
        _time.Advance(TimeSpan.FromDays(20));
        certificate.Look();
        Assert.Contains("has ended on", _log.Lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Metrics_tell_how_long_it_lasts_and_what_became_of_new_ones()
    {
        var seen = new Dictionary<string, long>(StringComparer.Ordinal);
        var metrics = new TlsMetrics(_services.GetRequiredService<IMeterFactory>());
        using var listener = new MeterListener
        {
            InstrumentPublished = static (instrument, listener) =>
            {
                if (instrument.Meter.Name == TlsMetrics.MeterName)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => seen[instrument.Name + string.Concat(tags.ToArray().Select(static tag => " " + tag.Value))] = value);
        listener.Start();
        using var first = _authority.Server("first", days: 10);
        var files = _authority.WritePem(first);
        var certificate = Make(files, metrics);
        metrics.Show([certificate], _time);
        listener.RecordObservableInstruments();
        Assert.InRange(seen["relay.tls.certificate.remaining main"], 9 * 86_400, 10 * 86_400);
        File.WriteAllText(files.Certificate, "broken");
        certificate.Look(atOnce: true);
        Assert.Equal(1, seen["relay.tls.certificate.reloads main refused"]);
    }

    [Theory]
    [InlineData("hunter2")]
    [InlineData("")]
    public void A_PFX_file_brings_key_and_intermediates(string password)
    {
        using var first = _authority.Server("first");
        var material = TlsMaterial.Load(new TlsFiles(_authority.WritePfx(first, password)) { Password = password });
        Assert.Equal("CN=first", material.Subject);
        Assert.Single(material.Options.ServerCertificateContext!.IntermediateCertificates);
        Assert.Throws<TlsFileException>(() => TlsMaterial.Load(new TlsFiles(_authority.File("server.pfx")) { Password = "wrong" }));
    }

    private ListenerCertificate Make((string Certificate, string Key) files, TlsMetrics? metrics = null) => new(
        "main", new TlsFiles(files.Certificate) { Key = files.Key }, metrics ?? new TlsMetrics(_services.GetRequiredService<IMeterFactory>()), _time, _log.CreateLogger("tls"));
}
