using System.Reflection;
using Relay.Protocol.WebSockets;

namespace Relay.Protocol.Tests.WebSockets;

public sealed class CloseCodeTests
{
    [Fact]
    public void Every_constant_has_one_row_with_its_own_name()
    {
        Dictionary<string, int> constants = typeof(CloseCode).GetFields(BindingFlags.Public | BindingFlags.Static)
            .Where(field => field.IsLiteral).ToDictionary(field => field.Name, field => (int)field.GetRawConstantValue()!, StringComparer.Ordinal);
        Assert.Equal(constants.Count, CloseCode.All.Count);
        Assert.All(CloseCode.All, row => Assert.Equal(row.Code, constants[row.Name]));
        Assert.Equal(CloseCode.All.Select(row => row.Code).Order(), CloseCode.All.Select(row => row.Code));
    }

    [Theory]
    [InlineData(CloseCode.ServiceRestart, Reconnect.Now)]
    [InlineData(CloseCode.PingTimeout, Reconnect.Now)]
    [InlineData(CloseCode.TryAgainLater, Reconnect.Backoff)]
    [InlineData(CloseCode.ProtocolError, Reconnect.Never)]
    [InlineData(CloseCode.Unauthorized, Reconnect.Never)]
    [InlineData(3999, Reconnect.Backoff)]
    public void A_code_says_whether_to_come_back(int code, Reconnect expected) => Assert.Equal(expected, CloseCode.ReconnectAfter(code));

    [Fact]
    public void The_codes_allowed_on_the_wire_are_those_of_the_registry()
    {
        IEnumerable<int> valid = Enumerable.Range(0, 65536).Where(CloseCode.IsValidOnWire);
        IEnumerable<int> expected = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, .. Enumerable.Range(3000, 2000)];
        Assert.Equal(expected, valid);
    }
}
