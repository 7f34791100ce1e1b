using System.Security.Cryptography;
using System.Text;
using Relay.Node.Page;

namespace Relay.Node.Tests.Page;

public sealed class PageDocumentTests
{
    [Fact]
    public void The_policy_allows_exactly_the_style_and_script_of_the_page()
    {
        var document = PageDocument.Create("<html><style>p{}</style><p>x</p><script>go();\n</script></html>"u8.ToArray());
        Assert.Equal(
            $"default-src 'none'; style-src 'sha256-{Hash("p{}")}'; script-src 'sha256-{Hash("go();\n")}'; connect-src 'self'; img-src data:; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            document.ContentSecurityPolicy);
    }

    [Fact]
    public void The_tag_changes_with_the_bytes()
    {
        var one = PageDocument.Create("<style></style><script>1</script>"u8.ToArray());
        var same = PageDocument.Create("<style></style><script>1</script>"u8.ToArray());
        var other = PageDocument.Create("<style></style><script>2</script>"u8.ToArray());
        Assert.Equal(one.ETag, same.ETag);
        Assert.False(string.Equals(one.ETag, other.ETag, StringComparison.Ordinal));
        Assert.Matches("^\"[0-9a-f]{32}\"$", one.ETag);
    }

    [Theory]
    [InlineData("<script>1</script>")]
    [InlineData("<style></style>")]
    [InlineData("<style></style><script>1")]
    public void A_page_without_style_or_script_is_refused(string html) =>
        Assert.Throws<InvalidOperationException>(() => PageDocument.Create(Encoding.UTF8.GetBytes(html)));

    /// <summary>What the policy forbids would be dead in every browser without anyone being told.</summary>
    [Fact]
    public void The_embedded_page_needs_nothing_its_policy_forbids()
    {
        var html = Encoding.UTF8.GetString(PageDocument.Load("Page/index.html").Body);
        Assert.Equal(1, Count(html, "<script"));
        Assert.Equal(1, Count(html, "<style"));
        Assert.Equal(0, Count(html, " style="));
        Assert.Equal(0, Count(html, " onclick="));
        Assert.Equal(0, Count(html, "innerHTML"));
        Assert.Equal(0, Count(html, "https://"));
        Assert.Equal(0, Count(html, "@import"));
    }

    [Fact]
    public void A_resource_that_is_not_there_is_named() =>
        Assert.Contains("Page/none.html", Assert.Throws<InvalidOperationException>(() => PageDocument.Load("Page/none.html")).Message, StringComparison.Ordinal);

    private static string Hash(string content) => Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(content)));

    private static int Count(string text, string part) => text.Split(part).Length - 1;
}
