using System.Globalization;
using System.Text;
using Relay.Bench.Wire;

namespace Relay.Bench.Load;

/// <summary>Publishes with <c>POST /publish</c> over one kept connection (HTTP/1.1, RFC 9112).</summary>
internal sealed class HttpPublisher : WorkerPublisher
{
    private readonly byte[] _head;
    private readonly byte[] _body;

    public HttpPublisher(RunState run, int index)
        : base(run, index, run.PublishTo.EndPoint)
    {
        var token = run.Options.Token is { } text ? $"Authorization: Bearer {text}\r\n" : "";
        _head = Encoding.ASCII.GetBytes(
            $"POST {run.Plan.PublisherPath} HTTP/1.1\r\nHost: {run.PublishTo.Authority}\r\n{token}Content-Type: application/json\r\nContent-Length: ");
        _body = new byte[run.Plan.Composer.MaxLength];
    }

    /// <inheritdoc/>
    public override bool CanPublish => base.CanPublish && Unanswered < Run.Options.HttpPipeline;

    /// <inheritdoc/>
    protected override void Write(SendQueue output, int channel, long number, long intended)
    {
        var length = Run.Plan.Composer.Compose(_body, channel, number, intended);
        Span<byte> digits = stackalloc byte[16];
        length.TryFormat(digits, out var count, default, CultureInfo.InvariantCulture);
        output.Write(_head);
        output.Write(digits[..count]);
        output.Write("\r\n\r\n"u8);
        output.Write(_body.AsSpan(0, length));
    }

    /// <inheritdoc/>
    protected override bool TryTakeAnswer(ReadOnlySpan<byte> bytes, out int length, out string? refusal)
    {
        length = 0;
        refusal = null;
        var headEnd = bytes.IndexOf("\r\n\r\n"u8);
        if (headEnd < 0)
        {
            return false;
        }

        var lines = Encoding.Latin1.GetString(bytes[..headEnd]).Split("\r\n");
        var body = bytes[(headEnd + 4)..];
        if (!TryBodyLength(lines, body, out var bodyLength) || bodyLength > body.Length)
        {
            return false;
        }

        length = headEnd + 4 + bodyLength;
        var status = lines[0].Split(' ');
        refusal = status.Length > 1 && status[1].StartsWith('2') ? null : $"{lines[0]}: {Encoding.UTF8.GetString(body[..bodyLength])}";
        return true;
    }

    private static bool TryBodyLength(string[] lines, ReadOnlySpan<byte> body, out int length)
    {
        length = 0;
        if (ValueOf(lines, "Content-Length:") is { } text)
        {
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out length);
        }

        if (ValueOf(lines, "Transfer-Encoding:") is null)
        {
            return true;
        }

        // Answers of the publish route are a line of text: the last chunk is the first empty one.
        var end = body.IndexOf("0\r\n\r\n"u8);
        length = end + 5;
        return end >= 0;
    }

    private static string? ValueOf(string[] lines, string name) =>
        Array.Find(lines, line => line.StartsWith(name, StringComparison.OrdinalIgnoreCase))?[name.Length..].Trim();
}
