// Each test runs a node of its own and some load it fully: side by side they would only take time from each other.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
