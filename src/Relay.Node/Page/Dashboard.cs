using Relay.Node.Configuration;
using Relay.Node.WebSockets;

namespace Relay.Node.Page;

/// <summary>The dashboard (docs/dashboard.md) over HTTP, where one was built: <c>wwwroot</c> beside the program, or <c>Dashboard:Folder</c>.</summary>
internal sealed partial class Dashboard
{
    /// <summary>Nothing but the node's own files, and connections to where they came from. Nothing inline runs, whatever text gets into the page.</summary>
    public const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>Paths that the page itself tells apart. <c>/live</c> is one besides, and the probe of orchestrators: see <see cref="IsAskedForPage"/>.</summary>
    public static readonly string[] Pages = ["/dashboard", "/sessions", "/channels", "/presence", "/cluster", "/connections"];

    private readonly DashboardFiles? _files;

    private Dashboard(DashboardFiles? files) => _files = files;

    /// <summary>Whether one was built.</summary>
    public bool IsThere => _files is not null;

    /// <summary>What the configuration names; none, with a warning where a folder was named, when nothing can be served from there.</summary>
    public static Dashboard Load(DashboardOptions options, ILogger logger)
    {
        if (!options.Enabled)
        {
            return new Dashboard(null);
        }

        var folder = options.Folder.Length > 0 ? options.Folder : Path.Combine(AppContext.BaseDirectory, "wwwroot");
        try
        {
            var files = DashboardFiles.Load(folder);
            if (files is null && options.Folder.Length > 0)
            {
                LogNone(logger, options.Folder);
            }

            return new Dashboard(files);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            LogUnreadable(logger, folder, failure.Message);
            return new Dashboard(null);
        }
    }

    /// <summary>
    /// Whether a request to <c>/live</c> is a person's, who wants the page: browsers name <c>text/html</c> when they open an address, probes (kubelet, load balancers, curl) do not.
    /// </summary>
    public bool IsAskedForPage(HttpContext context) =>
        IsThere && IsOnMain(context) && context.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase);

    /// <summary>Listeners of one dialect belong to a client family whose original had no page.</summary>
    public static bool IsOnMain(HttpContext context) => context.Features.Get<ListenerIdentity>() is not { Dialect: not null };

    /// <summary>The document of every page.</summary>
    public Task PageAsync(HttpContext context) => AnswerAsync(context, _files!.Page);

    /// <summary>One of its files, or false when there is none by this path.</summary>
    public async Task<bool> TryFileAsync(HttpContext context, string path)
    {
        if (_files?.Find(path) is not { } file)
        {
            return false;
        }

        await AnswerAsync(context, file);
        return true;
    }

    private static Task AnswerAsync(HttpContext context, DashboardFile file)
    {
        var response = context.Response;
        var headers = response.Headers;
        var chosen = DashboardFiles.Choose(file, context.Request.Headers.AcceptEncoding.ToString());

        // The document is asked for again each time: after an upgrade of the node nobody sees the old page.
        headers.CacheControl = file.IsImmutable ? "public, max-age=31536000, immutable" : "no-cache";
        headers.Vary = "Accept, Accept-Encoding";
        headers.ETag = chosen.Tag;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        if (PageSetup.Knows(context.Request, chosen.Tag))
        {
            response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        response.ContentType = file.ContentType;
        response.ContentLength = chosen.Body.Length;
        if (chosen.Encoding is { } encoding)
        {
            headers.ContentEncoding = encoding;
        }

        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(chosen.Body, 0, chosen.Body.Length, context.RequestAborted);
    }

    [LoggerMessage(LogLevel.Warning, "there is no dashboard in {Folder} (Relay:Dashboard:Folder): it has no index.html; the simple page is served")]
    private static partial void LogNone(ILogger logger, string folder);

    [LoggerMessage(LogLevel.Warning, "the dashboard in {Folder} cannot be read, the simple page is served: {Reason}")]
    private static partial void LogUnreadable(ILogger logger, string folder, string reason);
}
