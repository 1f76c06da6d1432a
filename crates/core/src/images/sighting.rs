//! What is seen on the way through an object: something that is pulled, fetched, or cannot be told.

/// One thing that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sighting {
    /// Where in a document: `line 7, spec.containers[0].image`. Empty for a field of the object itself.
    pub(super) place: String,
    pub(super) what: What,
}

/// What was seen there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// An image by its reference.
    Image(String),
    /// A place that images are taken from, without their names.
    Repository(String),
    /// Something that may be an image, since its key ends so, or may be another name.
    PerhapsImage(String),
    /// Something that may be a place of images.
    PerhapsRepository(String),
    /// The address of a registry that a container runtime is sent to.
    Endpoint(String),
    /// An address that something is fetched from and applied, installed or run.
    Source(String),
    /// An address that something is fetched from, whatever for.
    Download(String),
    /// What happens here cannot be told; why, and the words that do not tell it.
    Unseen(&'static str, String),
}

impl What {
    /// What it is called where it was seen.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Image(text)
            | Self::Repository(text)
            | Self::PerhapsImage(text)
            | Self::PerhapsRepository(text)
            | Self::Endpoint(text)
            | Self::Source(text)
            | Self::Download(text)
            | Self::Unseen(_, text) => text,
        }
    }
}

/// What was seen so far, at most so much.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    found: Vec<Sighting>,
    has_more: bool,
}

/// More than any machine or manifest needs, and few enough to be judged while somebody waits.
pub(super) const MOST: usize = 512;
/// The same thing is told of so many places.
const MOST_PLACES: usize = 3;

impl Sightings {
    /// Whether this is still to be told. Where it stands takes time to find out.
    pub(super) fn wants(&mut self, what: &What) -> bool {
        let same = self.found.iter().filter(|sighting| sighting.what == *what);
        if same.count() >= MOST_PLACES {
            return false;
        }
        self.has_more |= self.found.len() >= MOST;
        !self.has_more
    }

    /// Whether this was seen anywhere.
    pub(super) fn knows(&self, what: &What) -> bool {
        self.found.iter().any(|sighting| sighting.what == *what)
    }

    pub(super) fn see(&mut self, place: impl Into<String>, what: What) {
        if self.wants(&what) {
            let place = place.into();
            let sighting = Sighting { place, what };
            if !self.found.contains(&sighting) {
                self.found.push(sighting);
            }
        }
    }

    /// Whether there was more than is looked at. Nothing proves that the rest is harmless.
    pub(super) fn has_more(&self) -> bool {
        self.has_more
    }

    /// All that was seen.
    pub(super) fn take(&mut self) -> Vec<Sighting> {
        self.has_more = false;
        std::mem::take(&mut self.found)
    }
}

/// What a key says that its value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    Image,
    Repository,
    PerhapsImage,
    PerhapsRepository,
}

impl Says {
    pub(super) fn what(self, value: &str) -> What {
        let value = value.to_owned();
        match self {
            Self::Image => What::Image(value),
            Self::Repository => What::Repository(value),
            Self::PerhapsImage => What::PerhapsImage(value),
            Self::PerhapsRepository => What::PerhapsRepository(value),
        }
    }
}

/// Keys of which the last words are these hold images of containers.
const IMAGES: [&str; 5] = [
    "sandboximage",
    "pauseimage",
    "podinfracontainerimage",
    "containerimage",
    "imagereference",
];
const REPOSITORIES: [&str; 4] = [
    "imagerepository",
    "imageregistry",
    "imagerepo",
    "containerregistry",
];
/// An image of one of these is one of machines, which is judged where it is used.
const OF_MACHINES: [&str; 12] = [
    "ami", "base", "boot", "disk", "guest", "host", "iso", "machine", "node", "os", "template",
    "vm",
];

/// What a key says that its value is, if anything. Keys are written in every way: `imageRepository`,
/// `sandbox_image`, `pod-infra-container-image`, `RELATED_IMAGE`.
pub(super) fn says(key: &str) -> Option<Says> {
    let words = words(key);
    let joined = words.concat();
    let ends = |known: &[&str]| known.iter().any(|end| joined.ends_with(end));
    if joined == "image" || ends(&IMAGES) {
        return Some(Says::Image);
    }
    if ends(&REPOSITORIES) {
        return Some(Says::Repository);
    }
    if words
        .iter()
        .any(|word| OF_MACHINES.contains(&word.as_str()))
    {
        return None;
    }
    if joined.ends_with("image") || joined == "newname" || joined.starts_with("relatedimage") {
        return Some(Says::PerhapsImage);
    }
    joined
        .ends_with("registry")
        .then_some(Says::PerhapsRepository)
}

/// The words of a key in lower case.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_after_lower = false;
    for c in key.chars() {
        if !c.is_alphanumeric() {
            words.push(String::new());
        } else {
            if c.is_uppercase() && is_after_lower {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        is_after_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}
