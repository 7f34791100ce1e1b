# syntax=docker/dockerfile:1
FROM --platform=$BUILDPLATFORM node:22-bookworm-slim AS pages
WORKDIR /source/dashboard
COPY dashboard/package.json dashboard/package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts --no-audit --no-fund
COPY clients/typescript/src/ ../clients/typescript/src/
COPY dashboard/ ./
RUN npm run build

FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0-noble AS build
ARG TARGETARCH=amd64
WORKDIR /source
COPY global.json Directory.Build.props Directory.Packages.props .editorconfig BannedSymbols.txt ./
COPY src/ src/
# ReadyToRun: the first clients after a start do not wait for the compiler (docs/performance.md). The analyzers' word was heard in the tests.
RUN --mount=type=cache,target=/root/.nuget/packages \
    dotnet publish src/Relay.Node/Relay.Node.csproj -c Release -a $TARGETARCH --self-contained false -p:PublishReadyToRun=true -p:PublishDocumentationFiles=false -p:RunAnalyzers=false -o /app

# glibc, which SQLite's native library here is linked with; no shell, no package manager, user 1654.
FROM mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled
WORKDIR /app
COPY --from=build /app ./
COPY --from=pages /source/dashboard/dist ./wwwroot
USER 1654
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["dotnet", "Relay.Node.dll"]
