//! Names that rules ask for (`do-resolve`): from the workers, where connections wait, to the control runtime, which asks the
//! name servers.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use tandem_lb_core::rules::Question;
use tokio::sync::{mpsc, oneshot};

/// So many questions may be on their way to the control runtime.
const WAITING: usize = 1_024;

/// The way to whoever asks the name servers.
#[derive(Debug, Default)]
pub(crate) struct Lookups(OnceLock<mpsc::Sender<Asked>>);

/// A question, and where its answer is waited for. Nothing comes where there is none.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) answer: oneshot::Sender<IpAddr>,
}

/// What one connection has asked for.
#[derive(Debug)]
pub(crate) struct Awaited {
    /// `None` when it is over.
    answer: Option<oneshot::Receiver<IpAddr>>,
    found: Option<IpAddr>,
}

impl Lookups {
    /// What is asked for from now on. To be called once, by whoever asks the name servers.
    pub(crate) fn questions(&self) -> mpsc::Receiver<Asked> {
        let (way, questions) = mpsc::channel(WAITING);
        // There is one control runtime, and it begins once.
        let _ = self.0.set(way);
        questions
    }

    pub(crate) fn ask(&self, question: Question) -> Awaited {
        let (answer, awaited) = oneshot::channel();
        if let Some(way) = self.0.get() {
            // Where too many wait, it is dropped, and so is over without an address.
            let _ = way.try_send(Asked { question, answer });
        }
        Awaited {
            answer: Some(awaited),
            found: None,
        }
    }
}

impl Awaited {
    /// What came of it.
    pub(crate) fn outcome(&self) -> Poll<Option<IpAddr>> {
        match self.answer {
            Some(_) => Poll::Pending,
            None => Poll::Ready(self.found),
        }
    }

    /// Whether it is over.
    pub(crate) fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(answer) = &mut self.answer {
            let Poll::Ready(told) = Pin::new(answer).poll(cx) else {
                return Poll::Pending;
            };
            self.found = told.ok();
            self.answer = None;
        }
        Poll::Ready(())
    }

    /// It is not waited for any more.
    pub(crate) fn give_up(&mut self) {
        self.answer = None;
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tandem_lb_core::dns::{Kind, Name};

    use super::*;

    fn question(text: &str) -> Question {
        Question {
            resolvers: "names".into(),
            name: Name::parse(text).expect("a name"),
            first: Kind::V4,
        }
    }

    #[test]
    fn every_question_is_over_some_time() {
        let mut cx = Context::from_waker(Waker::noop());
        let found = IpAddr::from([10, 0, 0, 1]);
        let lookups = Lookups::default();
        let wanted = question("a.test");
        // Before anybody listens.
        let mut early = lookups.ask(wanted.clone());
        assert_eq!(early.poll_over(&mut cx), Poll::Ready(()));
        assert_eq!(early.outcome(), Poll::Ready(None));
        let mut questions = lookups.questions();
        let mut awaited = lookups.ask(wanted.clone());
        assert_eq!(
            (awaited.poll_over(&mut cx), awaited.outcome()),
            (Poll::Pending, Poll::Pending)
        );
        let asked = questions.try_recv().expect("it was asked");
        asked.answer.send(found).expect("it is waited for");
        assert_eq!(awaited.poll_over(&mut cx), Poll::Ready(()));
        assert_eq!(awaited.outcome(), Poll::Ready(Some(found)));
        let mut impatient = lookups.ask(wanted.clone());
        impatient.give_up();
        assert_eq!(impatient.outcome(), Poll::Ready(None));
        // Where too many wait, one more does not.
        let mut all: Vec<Awaited> = (0..=WAITING).map(|_| lookups.ask(wanted.clone())).collect();
        let mut over = all.iter_mut().map(|awaited| awaited.poll_over(&mut cx).is_ready());
        assert!(over.any(|is_over| is_over));
    }
}
