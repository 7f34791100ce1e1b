using Relay.Protocol.Handshake;

namespace Relay.Protocol.Tests.Handshake;

public sealed class UpgradeRequestTests
{
    [Theory]
    [InlineData("userId=u1", "userId", "u1")]
    [InlineData("a=1&userId=u2&userId=u3", "userId", "u2")]
    [InlineData("userId=", "userId", "")]
    [InlineData("userId", "userId", "")]
    [InlineData("userId=a%20b+c", "userId", "a b c")]
    [InlineData("userId=%C3%BC%F0%9F%8C%8D", "userId", "ü🌍")]
    [InlineData("user%49d=x", "userId", "x")]
    [InlineData("userId=a=b", "userId", "a=b")]
    [InlineData("&&userId=x&", "userId", "x")]
    [InlineData("userId=%26%3D", "userId", "&=")]
    [InlineData("userId=a?b", "userId", "a?b")]
    [InlineData("=x", "", "x")]
    public void A_query_parameter_is_found_and_decoded(string query, string name, string value)
    {
        UpgradeRequest request = Heads.Accepted(Heads.With("userId=u1", query));
        Assert.True(request.TryGetQuery(name, out string? found));
        Assert.Equal(value, found);
        Assert.Equal(query, request.RawQuery);
    }

    [Theory]
    [InlineData("userid=u1")]
    [InlineData("xuserId=u1")]
    [InlineData("a=userId")]
    [InlineData("")]
    public void A_missing_parameter_is_not_found(string query)
    {
        UpgradeRequest request = Heads.Accepted(Heads.With("userId=u1", query));
        Assert.False(request.TryGetQuery("userId", out string? value));
        Assert.Null(value);
    }

    [Theory]
    [InlineData("/ws?userId=u1", "/ws", "userId=u1")]
    [InlineData("/ws?userId=u1", "/", "")]
    [InlineData("/ws?userId=u1", "/a%20b/%C3%BC+x", "")]
    public void The_path_is_decoded_and_keeps_its_plus(string old, string path, string query)
    {
        UpgradeRequest request = Heads.Accepted(Heads.With(old, query.Length == 0 ? path : $"{path}?{query}"));
        Assert.Equal(Uri.UnescapeDataString(path), request.Path);
        Assert.Equal(query, request.RawQuery);
    }

    [Fact]
    public void Headers_are_found_whatever_their_case_and_joined_when_repeated()
    {
        UpgradeRequest request = Heads.Accepted(Heads.Plus(
            "origin: https://app.example.com",
            "AUTHORIZATION:  Bearer abc\t",
            "User-Agent: test/1",
            "X-Forwarded-For: 10.0.0.1",
            "x-forwarded-for: 10.0.0.2",
            "Cookie: a=1; b=2",
            "Cookie: c=\"3\"",
            "Sec-WebSocket-Protocol: relay.v1, , relay.context",
            "sec-websocket-protocol: x"));
        Assert.Equal("relay.example.com", request.Host);
        Assert.Equal("https://app.example.com", request.Origin);
        Assert.Equal("Bearer abc", request.Authorization);
        Assert.Equal("test/1", request.UserAgent);
        Assert.Equal("10.0.0.1, 10.0.0.2", request.XForwardedFor);
        Assert.Equal("a=1; b=2; c=\"3\"", request.Header("cookie"));
        Assert.Equal("2", request.Cookie("b"));
        Assert.Equal("\"3\"", request.Cookie("c"));
        Assert.Null(request.Cookie("d"));
        Assert.Equal(["relay.v1", "relay.context", "x"], request.Subprotocols);
        Assert.Equal(2, request.HeaderCount("X-FORWARDED-FOR"));
        Assert.Null(request.Header("X-Missing"));
        Assert.Equal(0, request.HeaderCount("X-Missing"));
    }

    [Fact]
    public void A_request_from_an_http_pipeline_answers_like_one_from_a_socket()
    {
        KeyValuePair<string, string>[] headers =
        [
            new("Host", "relay.example.com"), new("Sec-WebSocket-Version", "13"), new("sec-websocket-key", Heads.Key),
            new("Cookie", "a=\u00FC"), new("Sec-WebSocket-Protocol", "relay.v1"),
        ];
        UpgradeRequest? request = UpgradeRequest.FromHttp("/a%20b", "?userId=u%201", headers);
        Assert.NotNull(request);
        Assert.Equal("/a b", request.Path);
        Assert.Equal("userId=u%201", request.RawQuery);
        Assert.True(request.TryGetQuery("userId", out string? user));
        Assert.Equal("u 1", user);
        Assert.Equal("ü", request.Cookie("a"));
        Assert.Equal(["relay.v1"], request.Subprotocols);
        Assert.Null(HandshakeRules.Check(request));
        Assert.Null(UpgradeRequest.FromHttp("/", "?a=%zz", headers));
        Assert.Null(UpgradeRequest.FromHttp("/%ff", string.Empty, headers));
    }

    [Fact]
    public void Extended_connect_needs_the_version_and_no_key()
    {
        UpgradeRequest with = UpgradeRequest.FromHttp("/ws", string.Empty, [new("sec-websocket-version", "13")])!;
        UpgradeRequest without = UpgradeRequest.FromHttp("/ws", string.Empty, [])!;
        Assert.Null(HandshakeRules.Check(with, extendedConnect: true));
        Assert.Equal(400, HandshakeRules.Check(with)!.Status);
        Assert.Equal(426, HandshakeRules.Check(without, extendedConnect: true)!.Status);
    }
}
