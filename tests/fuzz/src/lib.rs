//! What fuzz targets share: a world to decide in, what must hold, and a mutator that knows JSON.

mod holds;
mod images;
mod mutate;
mod rego;
mod world;

pub use holds::{decides, reviews};
pub use images::{files, references};
pub use mutate::mutate;
pub use rego::policies;
pub use world::snapshots;
