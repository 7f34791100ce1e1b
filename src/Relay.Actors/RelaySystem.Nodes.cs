using Relay.Actors.Cluster;

namespace Relay.Actors;

/// <summary>What a node says to one verb of its operators' interface.</summary>
/// <param name="Node">Its name.</param>
/// <param name="Json">One JSON object.</param>
public sealed record NodeAnswer(string Node, byte[] Json);

/// <summary>What nodes said.</summary>
/// <param name="Answers">This node's own first.</param>
/// <param name="Silent">Names of those that did not answer within 2 s.</param>
public sealed record NodeAnswers(IReadOnlyList<NodeAnswer> Answers, IReadOnlyList<string> Silent);

/// <content>
/// Verbs of the operators' interface that every node answers for itself, here and over the links between nodes. What they mean is the program's: this only brings a verb and its arguments, one JSON
/// object, to the nodes and their answers back. Members may be added to either; who does not know them passes over them, so nodes of two versions understand each other.
/// </content>
public sealed partial class RelaySystem
{
    /// <summary>How this node answers; set by the program before the first client comes. Must not throw.</summary>
    public Func<string, ReadOnlyMemory<byte>, Task<byte[]>>? AnswerVerb { get; set; }

    /// <summary>This node, by name.</summary>
    public string NodeName => _parts.Settings.NodeId;

    /// <summary>Asks nodes.</summary>
    /// <param name="verb">What.</param>
    /// <param name="arguments">One JSON object.</param>
    /// <param name="node">Name of the only node that is asked; null = all.</param>
    /// <param name="here">True = this one alone.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<NodeAnswers> AskNodesAsync(string verb, byte[] arguments, string? node, bool here, CancellationToken cancellationToken)
    {
        var own = here || node is null || node == NodeName ? AnswerVerb!(verb, arguments) : null;
        if (here || _questions is null || node == NodeName)
        {
            return new NodeAnswers(own is null ? [] : [new NodeAnswer(NodeName, await own)], []);
        }

        var more = new WireWriter().Text(verb).Bytes(arguments).Written.ToArray();
        var replies = await _questions.AskEachAsync(NodeTopic.Admin, more, node is null ? null : one => one.Name == node, cancellationToken);
        List<NodeAnswer> answers = own is null ? [] : [new NodeAnswer(NodeName, await own)];

        // A node of an earlier version knows no verbs, and answers nothing.
        answers.AddRange(replies.Parts.Where(static part => part.Bytes.Length > 0).Select(static part => new NodeAnswer(part.Node.Name, part.Bytes)));
        return new NodeAnswers(answers, [.. replies.Silent.Concat(replies.Parts.Where(static part => part.Bytes.Length == 0).Select(static part => part.Node)).Select(static one => one.Name)]);
    }

    /// <summary>
    /// Hands all shards and clients over to other nodes, as when leaving, and stays a member without them until <see cref="UndrainAsync"/>; false when that took longer and goes on besides. Needs
    /// others, and the door closed: see <see cref="RelayCluster.HasOthers"/>.
    /// </summary>
    /// <param name="time">For all of it.</param>
    /// <param name="keepsClients">Clients stay: they are served as before, from the channels of other nodes.</param>
    /// <param name="cancellationToken">Nobody more is sent away.</param>
    public async Task<bool> DrainAsync(TimeSpan time, bool keepsClients, CancellationToken cancellationToken)
    {
        if (_cluster is null)
        {
            return false;
        }

        var began = _connections.Time.GetTimestamp();
        var isOver = await _cluster.HandOverAsync(time / 2);
        var left = time - _connections.Time.GetElapsedTime(began);
        return !cancellationToken.IsCancellationRequested && (keepsClients || await _cluster.SendAwayAsync(left > Farewell ? left : Farewell)) && isOver;
    }

    /// <summary>Takes part again after <see cref="DrainAsync"/>; false when it does not leave, or for good.</summary>
    public async Task<bool> UndrainAsync() => _cluster is not null && await _cluster.ReturnAsync(AskTimeout);

    private static Task<byte[]> AnswerAdminAsync(Func<string, ReadOnlyMemory<byte>, Task<byte[]>> answers, byte[] more)
    {
        var reader = new WireReader(more);
        return answers(reader.Text(), reader.Bytes().ToArray());
    }
}
