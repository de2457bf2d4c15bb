//! Cases 38 to 40: sockets.

use crate::Case;
use crate::attack::Attack;
use crate::place::Place;

pub const CASES: &[Case] = &[
    ("38_sockets_of_every_family", open_sockets),
    ("40_unix_sockets_of_the_host", host_sockets),
];

/// Cases 38 and 39.
fn open_sockets(place: &Place) {
    Attack::new(place, "open_sockets").run().held(&["EPERM"]);
}

fn host_sockets(place: &Place) {
    Attack::new(place, "host_sockets").run().held(&["EPERM"]);
}
