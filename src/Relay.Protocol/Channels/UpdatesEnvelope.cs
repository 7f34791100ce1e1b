using System.Runtime.CompilerServices;
using System.Text;

namespace Relay.Protocol;

/// <summary>
/// A worker's update, from Redis or <c>POST /publish</c> (protocols.md, <c>updates</c>): <c>{"target_user_id","type","payload"}</c> and the
/// optional keys <c>channel</c>, <c>target_session_id</c>, <c>target_project_id</c>, <c>id</c>, <c>traceparent</c>. Unknown keys travel along in <see
/// cref="Raw"/>.
/// <para>
/// Where it goes: to <c>channel</c> alone when that is set; else to every target that is set, user, session and project; else to
/// <c>users</c>, which every updates connection hears. An envelope without a target whose <c>payload.project_id</c> names a project goes to
/// that project besides: task trackers are routed by it, and the rule that an untargeted update reaches every updates connection holds as
/// well. No connection listens to both.
/// </para>
/// Reading a message allocates nothing when its channel and type were read before: this is done for every message of a busy Redis.
/// </summary>
public readonly struct UpdatesEnvelope
{
    // One list per channel for all messages that go to it alone; a direct-mapped cache as Utf8Interner, by the identity of the interned name.
    private static readonly string[]?[] Routes = new string[4096][];

    private static readonly string[] ForAll = [ChannelName.Users];

    private UpdatesEnvelope(ReadOnlyMemory<byte> raw, string type, IReadOnlyList<string> channels)
    {
        Raw = raw;
        Type = type;
        Channels = channels;
    }

    /// <summary>The whole message, byte for byte: the memory that was read, not a copy.</summary>
    public ReadOnlyMemory<byte> Raw { get; }

    /// <summary>The <c>type</c>; empty when missing or null, as in the original.</summary>
    public string Type { get; }

    /// <summary>The JSON value of <c>payload</c>: a slice of <see cref="Raw"/>; empty when missing.</summary>
    public ReadOnlyMemory<byte> Payload { get; private init; }

    /// <summary>Idempotency key: the <c>id</c>'s text, or its digits; null when missing, null or empty.</summary>
    public string? Id { get; private init; }

    /// <summary>The sampled trace that <c>traceparent</c> names; null without one, and when it is malformed.</summary>
    public TraceParent? Trace { get; private init; }

    /// <summary>Where the update goes: one valid channel name or more, none twice.</summary>
    public IReadOnlyList<string> Channels { get; }

    /// <summary>Reads a message; false with the reason when it is to be dropped.</summary>
    /// <param name="raw">The message. Kept, so the caller does not change it afterwards.</param>
    /// <param name="envelope">The update.</param>
    /// <param name="fault">Why not.</param>
    public static bool TryParse(ReadOnlyMemory<byte> raw, out UpdatesEnvelope envelope, out EnvelopeFault fault)
    {
        envelope = default;
        fault = Read(raw.Span, out var fields);
        if (fault != EnvelopeFault.None)
        {
            return false;
        }

        fault = fields.TryRoute(out var channels);
        if (fault != EnvelopeFault.None)
        {
            return false;
        }

        envelope = new UpdatesEnvelope(raw, EventName.Intern(fields.Type.Utf8), channels)
        {
            Payload = raw.Slice(fields.Payload.Start, fields.Payload.Raw.Length),
            Id = fields.Id.IsString ? fields.Id.TextOrNull : IdOrNull(fields.Id),
            Trace = TraceParent.Parse(fields.Trace.Utf8),
        };
        return true;
    }

    private static string[] RouteTo(string channel)
    {
        ref var slot = ref Routes[RuntimeHelpers.GetHashCode(channel) & (Routes.Length - 1)];
        if (Volatile.Read(ref slot) is { } known && ReferenceEquals(known[0], channel))
        {
            return known;
        }

        string[] route = [channel];
        Volatile.Write(ref slot, route);
        return route;
    }

    private static string? IdOrNull(JsonValue id) => id.IsMissing ? null : Encoding.ASCII.GetString(id.Raw);

    private static EnvelopeFault Read(ReadOnlySpan<byte> json, out Fields fields)
    {
        fields = default;
        switch (JsonObjectReader.Open(json, checkUtf8: true, out var reader))
        {
            case JsonShape.Invalid:
                return EnvelopeFault.NotJson;
            case JsonShape.Null or JsonShape.Other:
                return EnvelopeFault.NotObject;
        }

        while (reader.Read())
        {
            fields.Take(reader.Name, reader.Value);
        }

        return reader.Failed ? EnvelopeFault.NotJson : fields.Fault();
    }

    private ref struct Fields
    {
        public JsonValue Type;
        public JsonValue Payload;
        public JsonValue User;
        public JsonValue Session;
        public JsonValue Project;
        public JsonValue Id;
        public JsonValue Trace;
        private JsonValue _channel;

        public void Take(ReadOnlySpan<byte> name, JsonValue value)
        {
            switch (name.Length)
            {
                case 2 when name.SequenceEqual("id"u8): Id = value; break;
                case 4 when name.SequenceEqual("type"u8): Type = value; break;
                case 7 when name.SequenceEqual("payload"u8): Payload = value; break;
                case 7 when name.SequenceEqual("channel"u8): _channel = value; break;
                case 11 when name.SequenceEqual("traceparent"u8): Trace = value; break;
                case 14 when name.SequenceEqual("target_user_id"u8): User = value; break;
                case 17 when name.SequenceEqual("target_session_id"u8): Session = value; break;
                case 17 when name.SequenceEqual("target_project_id"u8): Project = value; break;
            }
        }

        /// <summary>The first wrongly typed field.</summary>
        public readonly EnvelopeFault Fault()
        {
            if (!User.IsOptionalString || !Session.IsOptionalString || !Project.IsOptionalString)
            {
                return EnvelopeFault.WrongTarget;
            }

            if (!Type.IsOptionalString)
            {
                return EnvelopeFault.WrongType;
            }

            if (!_channel.IsOptionalString)
            {
                return EnvelopeFault.InvalidChannel;
            }

            var isId = Id.Kind == JsonKind.Number || Id.IsOptionalName;
            return isId && Id.Raw.Length <= NativeRequests.MaxKeyBytes + 2 ? EnvelopeFault.None : EnvelopeFault.InvalidId;
        }

        /// <summary>The target channels.</summary>
        public readonly EnvelopeFault TryRoute(out string[] channels)
        {
            channels = [];
            var explicitName = _channel.Utf8;
            if (!explicitName.IsEmpty)
            {
                if (!ChannelName.TryParse(explicitName, out var channel))
                {
                    return EnvelopeFault.InvalidChannel;
                }

                channels = RouteTo(channel);
                return EnvelopeFault.None;
            }

            if (!TryName("users/"u8, User, out var user)
                || !TryName("sessions/"u8, Session, out var session)
                || !TryName("projects/"u8, Project, out var project))
            {
                return EnvelopeFault.InvalidTarget;
            }

            channels = (user, session, project) switch
            {
                (null, null, null) => PayloadProject() is { } named ? [ChannelName.Users, named] : ForAll,
                ({ } one, null, null) => RouteTo(one),
                (null, { } one, null) => RouteTo(one),
                (null, null, { } one) => RouteTo(one),
                _ => [.. new[] { user, session, project }.OfType<string>()],
            };
            return EnvelopeFault.None;
        }

        /// <summary>The channel of a target; null when there is no target. False when the id does not fit a channel name.</summary>
        private static bool TryName(ReadOnlySpan<byte> prefix, JsonValue id, out string? channel)
        {
            channel = null;
            var utf8 = id.Utf8;
            if (utf8.IsEmpty)
            {
                return true;
            }

            if (prefix.Length + utf8.Length > ChannelName.MaxBytes)
            {
                return false;
            }

            Span<byte> name = stackalloc byte[ChannelName.MaxBytes];
            prefix.CopyTo(name);
            utf8.CopyTo(name[prefix.Length..]);
            return ChannelName.TryParse(name[..(prefix.Length + utf8.Length)], out channel);
        }

        // What stands in a payload is the worker's own matter: a project_id that is no id of ours only means that there is no project to tell.
        private readonly string? PayloadProject()
        {
            if (Payload.Kind != JsonKind.Object)
            {
                return null;
            }

            JsonValue project = default;
            var reader = JsonObjectReader.Inside(Payload);
            while (reader.Read())
            {
                if (reader.Name.SequenceEqual("project_id"u8))
                {
                    project = reader.Value;
                }
            }

            return TryName("projects/"u8, project, out var channel) ? channel : null;
        }
    }
}
