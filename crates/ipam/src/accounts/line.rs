//! Orders of one account wait in one line, so that requests of one tenant do not compete within a process,
//! and tenants do not wait for each other.

use futures::StreamExt;
use futures::channel::{mpsc, oneshot};

use super::cashier::{Order, Outcome};
use crate::StoreError;

/// So many orders are settled with one write.
const BATCH: usize = 256;

/// An order, and who waits for what becomes of it.
type Ticket = (Order, oneshot::Sender<Outcome>);

/// Settles the orders of one account.
pub trait Clerk: Send {
    /// Settles these orders together; the outcomes are in their order.
    fn settle(&mut self, orders: &[Order]) -> impl Future<Output = Vec<Outcome>> + Send;

    /// Leaves other processes a moment, while more orders wait.
    fn rest(&mut self) -> impl Future<Output = ()> + Send;
}

/// Where orders of one account are sent to.
#[derive(Clone, Debug)]
pub struct Line(mpsc::UnboundedSender<Ticket>);

/// The other end of a line.
#[derive(Debug)]
pub struct Orders(mpsc::UnboundedReceiver<Ticket>);

impl Line {
    /// A line, and its other end.
    #[must_use]
    pub fn new() -> (Self, Orders) {
        let (line, orders) = mpsc::unbounded();
        (Self(line), Orders(orders))
    }

    /// Has an order settled. Whoever waits no longer asks for nothing any more, unless it is being written.
    pub async fn settle(&self, order: Order) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        // When nobody works, the other end of the answer is dropped, and that is heard of.
        let _ = self.0.unbounded_send((order, answer));
        outcome.await.unwrap_or_else(|_| {
            Outcome::Failed(StoreError::Unanswered("nobody charges any more".to_owned()))
        })
    }
}

impl Orders {
    /// Settles what waits, with one write for all of it, for as long as anybody may send something.
    pub async fn serve(mut self, mut clerk: impl Clerk) {
        let mut waiting: Vec<Ticket> = Vec::new();
        loop {
            if waiting.is_empty() {
                match self.0.next().await {
                    Some(ticket) => waiting.push(ticket),
                    None => return,
                }
            }
            self.fill(&mut waiting);
            // Who gave up meanwhile asks for nothing any more.
            waiting.retain(|(_, answer)| !answer.is_canceled());
            let (orders, answers): (Vec<_>, Vec<_>) = waiting.drain(..).unzip();
            if orders.is_empty() {
                continue;
            }
            let outcomes = clerk.settle(&orders).await;
            for (answer, outcome) in answers.into_iter().zip(outcomes) {
                let _ = answer.send(outcome);
            }
            self.fill(&mut waiting);
            if !waiting.is_empty() {
                // Another process that was slower must read before it writes again, and would be slower each
                // time. Whoever comes here meanwhile shares the next write.
                clerk.rest().await;
            }
        }
    }

    /// Takes what waits already, without waiting for more.
    fn fill(&mut self, waiting: &mut Vec<Ticket>) {
        while waiting.len() < BATCH
            && let Ok(ticket) = self.0.try_recv()
        {
            waiting.push(ticket);
        }
    }
}
