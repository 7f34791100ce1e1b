using System.Buffers;
using Relay.Redis.Resp;

namespace Relay.Redis.Tests.Resp;

public sealed class RespReaderTests
{
    /// <summary>Replies after the examples of the RESP3 specification, with what they mean.</summary>
    public static TheoryData<string, string> Replies => new()
    {
        { "+OK\r\n", "SimpleString(OK)" },
        { "+\r\n", "SimpleString()" },
        { "-ERR this is the error description\r\n", "Error(ERR this is the error description)" },
        { ":1234\r\n", "Integer(1234)" },
        { ":-9223372036854775808\r\n", "Integer(-9223372036854775808)" },
        { "$11\r\nhello world\r\n", "BulkString(hello world)" },
        { "$0\r\n\r\n", "BulkString()" },
        { "$4\r\na\r\nb\r\n", "BulkString(a\r\nb)" },
        { "$-1\r\n", "Null()" },
        { "*-1\r\n", "Null()" },
        { "_\r\n", "Null()" },
        { "*0\r\n", "Array[]" },
        { "*3\r\n:1\r\n:2\r\n:3\r\n", "Array[Integer(1) Integer(2) Integer(3) ]" },
        { "*2\r\n*3\r\n:1\r\n$5\r\nhello\r\n:2\r\n#f\r\n", "Array[Array[Integer(1) BulkString(hello) Integer(2) ] Boolean(false) ]" },
        { ",1.23\r\n", "Double(1.23)" },
        { ",inf\r\n", "Double(Infinity)" },
        { ",-inf\r\n", "Double(-Infinity)" },
        { ",nan\r\n", "Double(NaN)" },
        { ",1e3\r\n", "Double(1000)" },
        { "#t\r\n", "Boolean(true)" },
        { "!21\r\nSYNTAX invalid syntax\r\n", "BulkError(SYNTAX invalid syntax)" },
        { "=15\r\ntxt:Some string\r\n", "Verbatim(Some string)" },
        { "(3492890328409238509324850943850943825024385\r\n", "BigNumber(3492890328409238509324850943850943825024385)" },
        { "%2\r\n+first\r\n:1\r\n+second\r\n:2\r\n", "Map[SimpleString(first) Integer(1) SimpleString(second) Integer(2) ]" },
        { "~2\r\n+orange\r\n#t\r\n", "Set[SimpleString(orange) Boolean(true) ]" },
        { ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n", "Push[BulkString(message) BulkString(c) BulkString(hi) ]" },
        { "|1\r\n+key-popularity\r\n%2\r\n$1\r\na\r\n,0.1\r\n$1\r\nb\r\n,0.2\r\n*1\r\n:9\r\n", "Array[Integer(9) ]" },
        { "*3\r\n:1\r\n:2\r\n|1\r\n+ttl\r\n:3600\r\n:3\r\n", "Array[Integer(1) Integer(2) Integer(3) ]" },
        { "*1\r\n*0\r\n", "Array[Array[] ]" },
        { "%0\r\n", "Map[]" },
    };

    public static TheoryData<string> Garbage =>
    [
        "HTTP/1.1 400 Bad Request\r\n", "\r\n", "+OK\n", "$5\r\nhelloXX", "$-2\r\n", "$+5\r\nhello\r\n", "$ 5\r\nhello\r\n", "$?\r\n", "*?\r\n", ";4\r\n", ".\r\n",
        "*99999999999\r\n", "$99999999999\r\n", "*9999999999\r\n", "$9999999999\r\n", "$123456789012345678901234567890", ":12x\r\n", ":\r\n", ":9223372036854775808\r\n",
        ",abc\r\n", "#x\r\n", "#\r\n", "_x\r\n", "(12a\r\n", "(\r\n", "=3\r\ntxt\r\n", "*1\r\n>0\r\n", "%-1\r\n", "!-1\r\n", "$\r\n", "*\r\n", "*1\r\nX",
    ];

    [Theory]
    [MemberData(nameof(Replies))]
    public void Every_reply_is_read_the_same_at_every_split(string wire, string expected)
    {
        var bytes = RespBytes.Of(wire);
        for (var first = 0; first <= bytes.Length; first++)
        {
            for (var second = first; second <= bytes.Length; second++)
            {
                var buffer = RespBytes.Split(bytes, first, second);
                Assert.True(new RespReader().TryRead(ref buffer, out var value));
                Assert.Equal(expected, RespBytes.Canonical(value));
                Assert.True(buffer.IsEmpty);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Replies))]
    public void A_reply_that_arrives_byte_by_byte_is_complete_at_its_last_byte(string wire, string expected)
    {
        var bytes = RespBytes.Of(wire + "+next\r\n");
        var reader = new RespReader();
        for (var length = 0; length < wire.Length; length++)
        {
            var part = new ReadOnlySequence<byte>(bytes, 0, length);
            Assert.False(reader.TryRead(ref part, out _));
            Assert.Equal(length, part.Length);
        }

        var whole = new ReadOnlySequence<byte>(bytes);
        Assert.True(reader.TryRead(ref whole, out var value));
        Assert.Equal(expected, RespBytes.Canonical(value));
        Assert.True(reader.TryRead(ref whole, out var next));
        Assert.Equal("next", next.AsString());
    }

    [Theory]
    [MemberData(nameof(Garbage))]
    public void What_is_not_RESP_is_refused_as_such_at_every_split(string wire)
    {
        var bytes = RespBytes.Of(wire);
        for (var cut = 0; cut <= bytes.Length; cut++)
        {
            var buffer = RespBytes.Split(bytes, cut);
            var error = Assert.Throws<RedisException>(() => new RespReader().TryRead(ref buffer, out _));
            Assert.Equal(RedisErrorKind.Protocol, error.Kind);
        }
    }

    [Fact]
    public void Nesting_is_allowed_up_to_the_limit_and_refused_beyond()
    {
        var limits = new RespLimits { MaxDepth = 8 };
        var deepest = RespBytes.Split(RespBytes.Of(Nested(8)));
        Assert.True(new RespReader(limits).TryRead(ref deepest, out _));
        var tooDeep = RespBytes.Split(RespBytes.Of(Nested(9)));
        Assert.Throws<RedisException>(() => new RespReader(limits).TryRead(ref tooDeep, out _));
        var attributes = RespBytes.Split(RespBytes.Of(string.Concat(Enumerable.Repeat("|1\r\n", 9)) + "+x\r\n"));
        Assert.Throws<RedisException>(() => new RespReader(limits).TryRead(ref attributes, out _));
    }

    [Fact]
    public void A_reply_beyond_the_size_limit_is_refused_at_its_header()
    {
        var limits = new RespLimits { MaxFrameBytes = 1000 };
        foreach (var header in new[] { "$1001\r\n", "*400\r\n", "%200\r\n", "*2\r\n$900\r\n" + new string('x', 900) + "\r\n$200\r\n" })
        {
            var buffer = RespBytes.Split(RespBytes.Of(header));
            Assert.Throws<RedisException>(() => new RespReader(limits).TryRead(ref buffer, out _));
        }
    }

    [Fact]
    public void An_endless_line_is_refused_at_the_limit()
    {
        var limits = new RespLimits { MaxLineBytes = 100 };
        foreach (var cut in new[] { 0, 50 })
        {
            var buffer = RespBytes.Split(RespBytes.Of("+" + new string('x', 100)), cut);
            Assert.Throws<RedisException>(() => new RespReader(limits).TryRead(ref buffer, out _));
        }
    }

    [Fact]
    public void Announced_lengths_take_no_memory_before_the_bytes_are_there()
    {
        var wire = RespBytes.Of("*20000000\r\n*10000000\r\n$50000000\r\nabc");
        var before = GC.GetAllocatedBytesForCurrentThread();
        var buffer = new ReadOnlySequence<byte>(wire);
        Assert.False(new RespReader().TryRead(ref buffer, out _));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 10_000);
    }

    [Fact]
    public void A_value_of_another_shape_than_asked_for_is_a_protocol_error()
    {
        var buffer = new ReadOnlySequence<byte>(RespBytes.Of("*1\r\n:1\r\n"));
        Assert.True(new RespReader().TryRead(ref buffer, out var value));
        Assert.Equal(RedisErrorKind.Protocol, Assert.Throws<RedisException>(() => value.AsInteger()).Kind);
        Assert.Equal(RedisErrorKind.Protocol, Assert.Throws<RedisException>(() => value.AsString()).Kind);
        Assert.Equal(RedisErrorKind.Protocol, Assert.Throws<RedisException>(() => value.AsDouble()).Kind);
        Assert.Equal(RedisErrorKind.Protocol, Assert.Throws<RedisException>(() => value.AsBoolean()).Kind);
    }

    private static string Nested(int levels) => string.Concat(Enumerable.Repeat("*1\r\n", levels)) + ":1\r\n";
}
