namespace Relay.Protocol;

/// <summary>Reads native JSON requests out of their fields.</summary>
internal static class RelayJsonReader
{
    /// <summary>The command, or the refusal, of a message with a readable id.</summary>
    public static ClientCommand Read(RequestId id, in ContextFields fields)
    {
        var type = fields.Type.Utf8;
        if (type.SequenceEqual("publish"u8))
        {
            return Publish(id, fields);
        }

        if (type.SequenceEqual("publish_batch"u8))
        {
            return PublishBatch(id, fields);
        }

        if (type.SequenceEqual("ping"u8))
        {
            return new PingCommand { RequestId = id };
        }

        if (type.SequenceEqual("ack"u8))
        {
            return new AckCommand { Position = fields.AckedPosition() };
        }

        if (type.SequenceEqual("subscribe"u8))
        {
            return Subscribe(id, fields);
        }

        if (type.SequenceEqual("unsubscribe"u8))
        {
            return fields.Channel.IsString ? new UnsubscribeCommand { RequestId = id, Channel = fields.Channel.Text } : Unreadable(id);
        }

        if (type.SequenceEqual("auth"u8))
        {
            return Auth(id, fields);
        }

        if (type.SequenceEqual("refresh"u8))
        {
            return fields.Token.IsString ? NativeRequests.Refresh(id, fields.Token.TextOrNull) : Unreadable(id);
        }

        if (type.SequenceEqual("presence"u8))
        {
            return fields.Channel.IsString ? NativeRequests.Presence(id, fields.Channel.Utf8) : Unreadable(id);
        }

        if (type.SequenceEqual("resume"u8))
        {
            return NativeResume.Read(id, fields);
        }

        return type.SequenceEqual("history"u8) ? History(id, fields) : ContextDialect.UnknownType(fields.Type);
    }

    private static RejectedCommand Unreadable(RequestId id) => NativeRequests.Reject(id, ErrorCode.ParseError, ContextDialect.ParseErrorText);

    private static ClientCommand Subscribe(RequestId id, in ContextFields fields)
    {
        if (!fields.Channel.IsString || !IsOptionalFlag(fields.Presence) || !IsOptionalFlag(fields.LastPerKey))
        {
            return Unreadable(id);
        }

        if (!TrySince(fields.Since, out var since))
        {
            return NativeRequests.InvalidSince(id);
        }

        if (!TryFilter(fields.Filter, out var filter))
        {
            return NativeRequests.InvalidFilter(id);
        }

        if (!NativeRequests.TryPresenceBy(fields.PresenceBy, out var byUser))
        {
            return NativeRequests.InvalidPresenceBy(id);
        }

        return NativeRequests.Subscribe(
            id, fields.Channel.Utf8, since, IntegerOr(fields.Last, 0), NativeRequests.Wish(fields.Presence.IsTrue, byUser), filter, fields.LastPerKey.IsTrue, IntegerOrNull(fields.SinceTime));
    }

    private static ClientCommand Publish(RequestId id, in ContextFields fields)
    {
        if (!fields.Channel.IsString || !fields.Event.IsString || !fields.Key.IsOptionalString)
        {
            return Unreadable(id);
        }

        if (!TryVersion(fields.IfVersion, out var ifVersion))
        {
            return NativeBatch.InvalidVersion(id);
        }

        // Only a string is an idempotency key. Numbers are counters that begin anew with every connection: as keys they would make one
        // client's second request a repeat of another client's (docs/decisions/0004).
        var idText = fields.Id.IsString ? fields.Id.Utf8 : default;
        return NativeRequests.Publish(
            id, idText, fields.Channel.Utf8, fields.Event.Utf8, fields.Data.Copy(), fields.Key.Utf8, IntegerOr(fields.Ttl, 0), ifVersion, fields.TraceParent.Utf8);
    }

    private static ClientCommand PublishBatch(RequestId id, in ContextFields fields)
    {
        if (fields.Items.Kind != JsonKind.Array)
        {
            return NativeBatch.Invalid(id);
        }

        var items = new List<ClientCommand>();
        var elements = new JsonArrayReader(fields.Items);
        while (items.Count <= NativeBatch.MaxItems && elements.Read())
        {
            items.Add(elements.Value.Kind == JsonKind.Object ? Publish(RequestId.None, ContextFields.Inside(elements.Value)) : Unreadable(RequestId.None));
        }

        return NativeBatch.Of(id, items);
    }

    private static ClientCommand Auth(RequestId id, in ContextFields fields) =>
        fields.AgentId.IsOptionalName && fields.SessionId.IsOptionalName && fields.Token.IsOptionalString
            ? NativeRequests.Auth(id, fields.AgentId.TextOrNull, fields.SessionId.TextOrNull, fields.Token.TextOrNull)
            : Unreadable(id);

    private static ClientCommand History(RequestId id, in ContextFields fields)
    {
        if (!fields.Channel.IsString || !fields.Key.IsOptionalString || !IsOptionalFlag(fields.LastPerKey))
        {
            return Unreadable(id);
        }

        if (!TrySince(fields.Since, out var since))
        {
            return NativeRequests.InvalidSince(id);
        }

        return NativeReplay.History(id, fields.Channel.Utf8, new HistoryWish
        {
            Since = since,
            Until = IntegerOrNull(fields.Until),
            SinceTime = IntegerOrNull(fields.SinceTime),
            LastPerKey = fields.LastPerKey.IsTrue,
            Key = fields.Key.Utf8,
            Limit = IntegerOrNull(fields.Limit),
        });
    }

    private static bool IsOptionalFlag(JsonValue value) => value.IsMissing || value.Kind == JsonKind.Boolean;

    // What is there but no integer is out of every range.
    private static long IntegerOr(JsonValue value, long missing)
    {
        if (value.IsMissing)
        {
            return missing;
        }

        return value.TryGetInteger(out var integer) ? integer : -1;
    }

    private static long? IntegerOrNull(JsonValue value) => value.IsMissing ? null : IntegerOr(value, 0);

    // null is what a key without a value has: whoever sends back the "current" of a refusal means just that, and must not overwrite what came meanwhile.
    private static bool TryVersion(JsonValue value, out ExpectedVersion? version)
    {
        version = null;
        switch (value.Kind)
        {
            case JsonKind.Absent:
                return true;
            case JsonKind.Null:
                version = ExpectedVersion.NoValue;
                return true;
            case JsonKind.Number:
                version = value.TryGetInteger(out var offset) && offset >= 0 ? new ExpectedVersion(default, offset) : null;
                return version is not null;
            default:
                version = TrySince(value, out var position) && position is { Offset: > 0 } known ? new ExpectedVersion(known.Epoch, known.Offset) : null;
                return version is not null;
        }
    }

    internal static bool TrySince(JsonValue value, out StreamPosition? since)
    {
        since = null;
        if (value.IsMissing)
        {
            return true;
        }

        if (value.Kind != JsonKind.Object)
        {
            return false;
        }

        JsonValue epoch = default;
        JsonValue offset = default;
        var reader = JsonObjectReader.Inside(value);
        while (reader.Read())
        {
            if (reader.Name.SequenceEqual("epoch"u8))
            {
                epoch = reader.Value;
            }
            else if (reader.Name.SequenceEqual("offset"u8))
            {
                offset = reader.Value;
            }
        }

        if (!offset.TryGetInteger(out var number) || !NativeRequests.TryPosition(epoch.Utf8, number, out var position))
        {
            return false;
        }

        since = position;
        return true;
    }

    private static bool TryFilter(JsonValue value, out EventFilter? filter)
    {
        filter = null;
        if (value.IsMissing)
        {
            return true;
        }

        JsonValue events = default;
        if (value.Kind == JsonKind.Object)
        {
            var reader = JsonObjectReader.Inside(value);
            while (reader.Read())
            {
                if (reader.Name.SequenceEqual("events"u8))
                {
                    events = reader.Value;
                }
            }
        }

        if (events.Kind != JsonKind.Array)
        {
            return false;
        }

        var names = new List<string>();
        var elements = new JsonArrayReader(events);
        while (elements.Read())
        {
            if (names.Count == NativeRequests.MaxFilterNames || !EventName.TryParse(elements.Value.Utf8, out var name))
            {
                return false;
            }

            names.Add(name);
        }

        filter = EventFilter.Of([.. names]);
        return true;
    }
}
