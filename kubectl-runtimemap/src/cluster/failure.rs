//! What went wrong between us and the API server, in kubectl's words.

use kube::core::Status;

/// A request that the cluster did not carry out. Printed as it is, without `error:` before it, as kubectl prints it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The server said no.
    #[error("Error from server{}: {}", reason(.0), .0.message)]
    Refused(Box<Status>),
    /// Another manager of fields has what was to be applied.
    #[error("error: {}", conflict(.0))]
    Conflict(Box<Status>),
    /// There was no answer.
    #[error("Unable to connect to the server: {0}")]
    Unreachable(String),
    /// The answer was none of the API's.
    #[error("error: failed to read the server's answer: {0}")]
    Unreadable(String),
}

impl Failure {
    /// From an error of the client.
    pub(super) fn of(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 409 && status.message.starts_with("Apply failed") => Self::Conflict(status),
            kube::Error::Api(status) => Self::Refused(status),
            kube::Error::SerdeError(error) => Self::Unreadable(error.to_string()),
            error => Self::Unreachable(innermost(&error)),
        }
    }

    /// Whether there is no such object, or no such kind.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(status) if status.code == 404)
    }

    /// Whether whoever asks may not.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused(status) if status.code == 403)
    }

    /// Whether the token of a list is too old to go on from.
    pub(super) fn is_expired(&self) -> bool {
        matches!(self, Self::Refused(status) if status.code == 410)
    }
}

fn reason(status: &Status) -> String {
    if status.reason.is_empty() { String::new() } else { format!(" ({})", status.reason) }
}

fn conflict(status: &Status) -> String {
    format!(
        "{}; look at the fields that others manage, then give --force-conflicts to take them over, or leave them out of the policy",
        status.message.replace('\n', " ")
    )
}

/// The cause at the bottom says the most: `Connection refused (os error 111)`.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
