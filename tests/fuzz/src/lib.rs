//! What both fuzz targets share: a world to decide in, what must hold, and a mutator that knows JSON.

mod holds;
mod mutate;
mod world;

pub use holds::{decides, reviews};
pub use mutate::mutate;
pub use world::snapshots;
