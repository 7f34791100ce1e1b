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

    private static Task<byte[]> AnswerAdminAsync(Func<string, ReadOnlyMemory<byte>, Task<byte[]>> answers, byte[] more)
    {
        var reader = new WireReader(more);
        return answers(reader.Text(), reader.Bytes().ToArray());
    }
}
