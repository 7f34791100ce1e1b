using Relay.Kernel.Persistence;
using Relay.Storage.Journals;

namespace Relay.Storage.Tests.Journals;

public sealed class MemoryJournalTests : JournalContract
{
    private protected override Task<IJournal> OpenJournalAsync(JournalLimits limits) => Task.FromResult<IJournal>(new MemoryJournal());
}
