namespace Relay.Kernel;

/// <summary>Brings the outcome of a task back into an actor as a message: the only way in which I/O may answer an actor.</summary>
public static class PipeToExtensions
{
    /// <summary>
    /// Tells the result to <paramref name="recipient"/>: mapped by <paramref name="success"/>, or as it is. An exception, also one of
    /// the mapping, is mapped by <paramref name="failure"/>, or told as <see cref="Status.Failure"/>; so is a null result.
    /// </summary>
    public static void PipeTo<T>(
        this Task<T> task, IActorRef recipient, IActorRef? sender = null, Func<T, object>? success = null, Func<Exception, object>? failure = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(recipient);
        var pipe = new Pipe(recipient, sender, failure);
        if (task.IsCompleted)
        {
            pipe.Complete(task, success);
            return;
        }

        _ = task.ContinueWith(
            done => pipe.Complete(done, success), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>
    /// As for results; without <paramref name="success"/> the recipient is told <see cref="Status.Success.Empty"/> (Akka.NET tells nothing).
    /// </summary>
    public static void PipeTo(
        this Task task, IActorRef recipient, IActorRef? sender = null, Func<object>? success = null, Func<Exception, object>? failure = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(recipient);
        var pipe = new Pipe(recipient, sender, failure);
        if (task.IsCompleted)
        {
            pipe.Complete(task, success);
            return;
        }

        _ = task.ContinueWith(
            done => pipe.Complete(done, success), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <inheritdoc cref="PipeTo{T}(Task{T}, IActorRef, IActorRef?, Func{T, object}?, Func{Exception, object}?)"/>
    public static void PipeTo<T>(
        this ValueTask<T> task, IActorRef recipient, IActorRef? sender = null, Func<T, object>? success = null, Func<Exception, object>? failure = null)
    {
        ArgumentNullException.ThrowIfNull(recipient);
        if (task.IsCompletedSuccessfully)
        {
            new Pipe(recipient, sender, failure).Succeed(task.Result, success);
            return;
        }

        task.AsTask().PipeTo(recipient, sender, success, failure);
    }

    /// <inheritdoc cref="PipeTo(Task, IActorRef, IActorRef?, Func{object}?, Func{Exception, object}?)"/>
    public static void PipeTo(
        this ValueTask task, IActorRef recipient, IActorRef? sender = null, Func<object>? success = null, Func<Exception, object>? failure = null) =>
        task.AsTask().PipeTo(recipient, sender, success, failure);

    private readonly record struct Pipe(IActorRef Recipient, IActorRef? Sender, Func<Exception, object>? Failure)
    {
        public void Complete<T>(Task<T> task, Func<T, object>? success)
        {
            if (ErrorOf(task) is { } error)
            {
                Fail(error);
            }
            else
            {
                Succeed(task.Result, success);
            }
        }

        public void Complete(Task task, Func<object>? success)
        {
            if (ErrorOf(task) is { } error)
            {
                Fail(error);
            }
            else
            {
                Succeed(success, static map => map is null ? Status.Success.Empty : map());
            }
        }

        public void Succeed<T>(T result, Func<T, object>? success)
        {
            object message;
            try
            {
                message = (success is null ? result : success(result)) ?? throw new InvalidOperationException("The piped task gave null");
            }
            catch (Exception exception)
            {
                Fail(exception);
                return;
            }

            Recipient.Tell(message, Sender);
        }

        private void Fail(Exception exception)
        {
            object message;
            try
            {
                message = Failure?.Invoke(exception) ?? new Status.Failure(exception);
            }
            catch (Exception mapping)
            {
                message = new Status.Failure(new AggregateException(exception, mapping));
            }

            Recipient.Tell(message, Sender);
        }

        private static Exception? ErrorOf(Task task) => task switch
        {
            { IsCanceled: true } => new TaskCanceledException(task),
            { Exception: { } several } => several.InnerExceptions.Count == 1 ? several.InnerExceptions[0] : several,
            _ => null,
        };
    }
}
