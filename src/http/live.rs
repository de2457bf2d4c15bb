//! Pages that are told at once when a driver's laps come: who listens, and what wakes them.
//!
//! A listener looks into the database when this process took a lap of the driver, and each second in any case, as
//! another web node may have taken one. What is told is thus what is stored, whoever stored it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Listeners of this process.
const MOST_LISTENERS: usize = 500;
/// Listeners to one driver: the family's and the coaches' screens. One link cannot use all places up.
const MOST_OF_DRIVER: usize = 10;
/// How often a listener looks without being woken.
const LOOK: Duration = Duration::from_secs(1);

/// Tells listeners of a driver that there is something new. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    changed: broadcast::Sender<i64>,
    listening: Arc<Mutex<HashMap<i64, usize>>>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            // Who falls behind by more looks at once, and has missed nothing.
            changed: broadcast::Sender::new(256),
            listening: Arc::default(),
        }
    }
}

impl Live {
    /// Wakes a driver's listeners.
    pub fn tell(&self, driver_id: i64) {
        // It fails where nobody listens.
        let _ = self.changed.send(driver_id);
    }

    /// A place to listen to a driver; none where all are taken.
    pub fn listen(&self, driver_id: i64) -> Option<Listener> {
        let mut listening = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let all: usize = listening.values().sum();
        let of_driver = listening.entry(driver_id).or_default();
        if all >= MOST_LISTENERS || *of_driver >= MOST_OF_DRIVER {
            return None;
        }
        *of_driver += 1;
        Some(Listener {
            driver_id,
            changes: self.changed.subscribe(),
            listening: Arc::clone(&self.listening),
        })
    }
}

/// Somebody who listens to a driver; gives the place back when dropped.
pub struct Listener {
    driver_id: i64,
    changes: broadcast::Receiver<i64>,
    listening: Arc<Mutex<HashMap<i64, usize>>>,
}

impl Listener {
    /// Waits until it is worth looking: something came, or a second went by.
    pub async fn changed(&mut self) {
        let woken = async {
            loop {
                match self.changes.recv().await {
                    Ok(driver_id) if driver_id != self.driver_id => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => return,
                    // Nobody can tell any more; the clock still does.
                    Err(RecvError::Closed) => std::future::pending().await,
                }
            }
        };
        // Elapsed is what is waited for, too.
        let _ = tokio::time::timeout(LOOK, woken).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut listening = self
            .listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(of_driver) = listening.get_mut(&self.driver_id) {
            *of_driver = of_driver.saturating_sub(1);
            if *of_driver == 0 {
                listening.remove(&self.driver_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_for_each_driver_and_given_back() {
        let live = Live::default();
        let mut taken: Vec<Listener> = (0..MOST_OF_DRIVER)
            .map(|_| live.listen(1).unwrap())
            .collect();
        assert!(live.listen(1).is_none());
        assert!(live.listen(2).is_some(), "another driver's place is free");
        taken.pop();
        assert!(live.listen(1).is_some());
        drop(taken);
        assert!(live.listening.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_listener_is_woken_for_its_own_driver() {
        let live = Live::default();
        let mut listener = live.listen(1).unwrap();
        live.tell(2);
        live.tell(1);
        let begun = std::time::Instant::now();
        listener.changed().await;
        assert!(begun.elapsed() < LOOK);
    }
}
