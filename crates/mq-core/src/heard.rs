//! What a session is told that comes neither from its client nor from the broker. The same for all protocols.

/// One piece of news from the connection.
#[derive(Debug)]
pub enum Heard {
    /// Whether the client may come in, or why it may not.
    Login(Result<(), Box<str>>),
    /// Everything that was to be sent has left.
    Flushed,
    /// Nothing is read from the client for now, so it cannot be missed.
    Unread,
    /// What it sends next is not read while memory is full (`true`), or is again.
    Held(bool),
    /// The node goes down: the client should go elsewhere.
    Leave(&'static str),
}
