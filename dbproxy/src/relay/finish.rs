//! The end of a session: the statements that were on their way are accounted for, both sides are told.

use std::future::poll_fn;
use std::time::Duration;

use exeat_audit::Outcome;
use exeat_service::{EndReason, Live};
use uuid::Uuid;

use super::{End, Relay};
use crate::denial;
use crate::wire::write::{self, Error};

/// How long a client may take to read why its session ended.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl End {
    /// The class of the end: the audit field and the metric label.
    pub(crate) fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Terminated | Self::ClientClosed | Self::Ended(_) => None,
            Self::ServerClosed => Some("server_closed"),
            Self::ClientIo(_) => Some("client_io"),
            Self::ServerIo(_) => Some("server_io"),
            Self::Client(violation) => Some(violation.kind()),
            Self::Server(_) => Some("server_violation"),
            Self::Desynchronised => Some("desynchronised"),
            Self::Pinned(_) => Some("pinned_setting_changed"),
            Self::Renamed => Some("names_changed"),
            Self::RowLimit => Some("row_limit"),
            Self::NotJudged => Some("not_judged"),
            Self::Overtaken => Some("overtaken"),
            Self::Audit(_) => Some("audit"),
            Self::Idle => Some("idle"),
        }
    }

    /// How the session ended, for its record.
    pub(crate) fn outcome(&self) -> Outcome {
        match self {
            Self::Terminated | Self::ClientClosed => Outcome::Completed,
            Self::Idle => Outcome::TimedOut,
            Self::RowLimit => Outcome::Limited,
            Self::NotJudged | Self::Overtaken => Outcome::Denied,
            Self::Ended(reason) => reason.outcome(),
            Self::ServerClosed
            | Self::ClientIo(_)
            | Self::ServerIo(_)
            | Self::Client(_)
            | Self::Server(_)
            | Self::Desynchronised
            | Self::Pinned(_)
            | Self::Renamed
            | Self::Audit(_) => Outcome::Failed,
        }
    }

    fn log(&self, live: &Live) {
        let (session, kind) = (live.id(), self.kind());
        match self {
            Self::ClientIo(error) | Self::ServerIo(error) => {
                tracing::debug!(%session, kind, %error, "a connection broke");
            }
            Self::Audit(error) => tracing::error!(%session, kind, %error, "session ends"),
            Self::Desynchronised | Self::Server(_) | Self::Pinned(_) | Self::Renamed => {
                tracing::error!(%session, kind, "session ends");
            }
            _ => tracing::debug!(%session, kind, "session ends"),
        }
    }

    /// What is refused as such, rather than a session that merely ends.
    pub(crate) fn refusal(&self) -> Option<String> {
        match self {
            Self::Client(violation) => Some(format!("from the client: {violation}")),
            Self::Server(violation) => Some(format!("from the server: {violation}")),
            Self::Desynchronised => {
                Some("the server's answers do not fit what it was asked".to_owned())
            }
            Self::Pinned(name) => Some(format!("the server changed the pinned setting {name}")),
            Self::Renamed => Some(
                "a function or trigger reused a name that is reserved for the proxy".to_owned(),
            ),
            _ => None,
        }
    }

    /// What the client is told, where it is still there to listen.
    fn last_words(&self, decision: Option<Uuid>) -> Option<Error> {
        let because = |code, message: &str| Some(Error::fatal(code, message));
        match self {
            Self::Terminated | Self::ClientClosed | Self::ClientIo(_) => None,
            Self::ServerClosed | Self::ServerIo(_) => because(
                "08006",
                "the connection between the proxy and the database was lost",
            ),
            Self::Client(violation) => Some(Error::fatal(
                "08P01",
                format!("protocol violation: {violation}"),
            )),
            Self::Server(_) | Self::Desynchronised => because(
                "08P01",
                "terminating connection: unexpected message from the database",
            ),
            Self::Pinned(name) => Some(
                Error::fatal(
                    "57P01",
                    format!(
                        "terminating connection: the setting \"{name}\" was changed, and statements were judged by what it was"
                    ),
                )
                .hint("A function may change it for itself: CREATE FUNCTION ... SET."),
            ),
            Self::Renamed => because(
                "57P01",
                "terminating connection: a function or trigger reused a name that is reserved for the proxy",
            ),
            Self::NotJudged => because(
                "57P01",
                "terminating connection: a result has a column that was not judged",
            ),
            Self::Overtaken => because(
                "57P01",
                "terminating connection: the policy or what names mean has changed while a statement waited",
            ),
            Self::RowLimit => because(
                "53400",
                "terminating connection: the result has more rows than the policy allows",
            ),
            Self::Audit(error) => because("58030", error.public_message()),
            Self::Idle => because(
                "57P05",
                "terminating connection due to idle-session timeout",
            ),
            Self::Ended(reason) => Some(denial::ended(reason, decision)),
        }
    }
}

impl Relay {
    /// Accounts for what was on its way and says goodbye to both sides.
    pub(super) async fn finish(&mut self, end: End, live: &Live) -> End {
        let left = self.queue.drain();
        let mut recorded = Ok(());
        for running in &left {
            // What the server has done of it by then nobody says any more.
            let unknown = Outcome::Unknown;
            let done = self.recorder.completion(running, None, unknown, None);
            recorded = recorded.and(done);
        }
        let end = match recorded {
            Ok(()) => end,
            Err(error) => End::Audit(error),
        };
        // A statement of a session that was ended from here must not go on. What a client sent before
        // it left does go on, as it would without the proxy.
        let by_peer = matches!(
            end,
            End::Terminated
                | End::ClientClosed
                | End::ClientIo(_)
                | End::ServerClosed
                | End::ServerIo(_)
        );
        let cut_off = !left.is_empty() && !by_peer;
        if cut_off {
            self.inbound.forget();
            self.cancel.terminate().await;
        }
        end.log(live);
        let decision = self.recorded_denial(&end, live);
        self.farewell(&end, decision, cut_off).await;
        end
    }

    /// The decision that ended the session, on record; its id.
    fn recorded_denial(&self, end: &End, live: &Live) -> Option<Uuid> {
        let End::Ended(EndReason::Denied(decision)) = end else {
            return None;
        };
        let request = live.denied_request()?;
        let recorded = self.recorder.decision(&request, decision, None);
        // What ends anyway needs no leave of the log.
        recorded.ok().map(|(id, _)| id)
    }

    /// `cut_off`: the server is told no more.
    async fn farewell(&mut self, end: &End, decision: Option<Uuid>, cut_off: bool) {
        let relay = self;
        let say = async move {
            // What waits for its record must not be written without it, but is worth the wait.
            let recorded = poll_fn(|cx| relay.inbound_gate.poll_open(cx)).await.is_ok();
            if recorded && !cut_off && !relay.inbound.within_frame() {
                relay.inbound.inject(|out| write::frame(out, b'X', |_| {}));
                // The server may be gone already.
                drop(relay.inbound.flush(&mut relay.server).await);
            }
            let recorded = poll_fn(|cx| relay.outbound_gate.poll_open(cx))
                .await
                .is_ok();
            if !recorded || relay.outbound.within_frame() {
                return;
            }
            if let Some(error) = end.last_words(decision).filter(|_| !relay.fatal) {
                relay.outbound.inject(|out| write::error(out, &error));
            }
            drop(relay.outbound.flush(&mut relay.client).await);
            relay.client.close().await;
        };
        drop(tokio::time::timeout(LAST_WORDS, say).await);
    }
}
