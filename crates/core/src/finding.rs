//! Findings: why a request is refused, or what its author should know.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// How a finding is reported to the API server's client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A field's value is wrong: 422 Invalid, one cause a finding.
    Field(&'static str),
    /// The requester may not do this: 403 Forbidden.
    Forbidden,
    /// The request itself cannot be judged: 400 BadRequest.
    BadRequest,
    /// Passing, try again: 503 ServiceUnavailable.
    Unavailable,
    /// Never refuses.
    Warning,
}

const NOT_SUPPORTED: Class = Class::Field("FieldValueNotSupported");
const INVALID: Class = Class::Field("FieldValueInvalid");
const REQUIRED: Class = Class::Field("FieldValueRequired");

macro_rules! codes {
    ($($name:ident = $text:literal, $class:expr, $meaning:literal;)*) => {
        /// The stable code of a finding. A code never changes its meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $meaning] $name,)* }

        impl Code {
            /// All codes, in the order of docs/codes.md.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as people see it, `BSP-` and a letter for its room.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// How it is reported.
            #[must_use]
            pub const fn class(self) -> Class {
                match self { $(Self::$name => $class,)* }
            }

            /// One sentence: what the code stands for.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

codes! {
    RequestMalformed = "BSP-R001", Class::BadRequest, "The admission request cannot be read.";
    RequestNotASubject = "BSP-R002", Class::BadRequest, "The kind is none that Basphere judges.";
    SiteMissing = "BSP-R003", Class::Unavailable, "No valid Site has been loaded yet.";
    ReadFailed = "BSP-R004", Class::Unavailable, "A live read that the decision needs has failed.";
    TooMany = "BSP-R005", INVALID, "The object has more problems, or a longer list, than are looked at.";
    ReservationFailed = "BSP-R006", Class::Unavailable, "A reservation could not be made: others were faster each time, or the API server did not answer.";
    KindNotForTenants = "BSP-A001", Class::Forbidden, "Only admins and controllers write objects of this kind.";
    OwnerReferenceChanged = "BSP-A002", Class::Forbidden, "A person changes the ownerReferences of a machine.";
    SelectorLabelChanged = "BSP-A003", Class::Forbidden, "A person changes a label by which a machine is found.";
    OtherNamespace = "BSP-A004", Class::Forbidden, "A reference leads into another namespace.";
    FieldOfControllers = "BSP-A005", Class::Forbidden, "A person writes a field that only controllers write.";
    NamespaceWithoutOwner = "BSP-O001", Class::Forbidden, "The namespace belongs to no tenant.";
    OwnerForeign = "BSP-O002", Class::Forbidden, "An owner label names somebody other than the namespace's owner.";
    OwnerChanged = "BSP-O003", Class::Forbidden, "An owner label of a stored object is changed.";
    TypeUnknown = "BSP-T001", NOT_SUPPORTED, "The cluster type is not one of the site's.";
    SpecUnknown = "BSP-S001", NOT_SUPPORTED, "The node spec is not one of the site's.";
    SizeNotOffered = "BSP-S002", NOT_SUPPORTED, "The machine's size is no node spec of the site.";
    SizeContradictsSpec = "BSP-S003", INVALID, "The machine's size differs from the node spec that is named.";
    VersionNotOffered = "BSP-K001", NOT_SUPPORTED, "The site does not offer this Kubernetes version.";
    ArgumentUnknown = "BSP-K002", INVALID, "The Kubernetes version does not have this argument any more.";
    ReplicasEven = "BSP-K003", INVALID, "A control plane with stacked etcd needs an odd number of replicas.";
    PlacementNotTheSites = "BSP-V001", NOT_SUPPORTED, "A vSphere server, identity or placement is not the site's.";
    ImageNotOffered = "BSP-V002", NOT_SUPPORTED, "The VM template is not one of the site's.";
    DhcpNotThere = "BSP-V003", INVALID, "The site has no DHCP.";
    AddressInTemplate = "BSP-V004", INVALID, "A machine template carries addresses.";
    EndpointChanged = "BSP-V005", Class::Forbidden, "The address of a cluster's API server is changed.";
    ClusterNameUnknown = "BSP-C001", REQUIRED, "It cannot be told which Cluster the object belongs to.";
    ClusterNameDiffers = "BSP-C002", INVALID, "Two fields of one object name different Clusters.";
    SelectorUnknown = "BSP-C003", REQUIRED, "A deployment whose name is generated has no selector of its own.";
    ClassNotTheSites = "BSP-C004", NOT_SUPPORTED, "The Cluster's topology is of another ClusterClass than the site's.";
    VariableNotTheSites = "BSP-C005", NOT_SUPPORTED, "A variable of the site's ClusterClass differs from what the site says.";
    VersionTwice = "BSP-C006", INVALID, "The images of a topology have two VM templates of one version.";
    NameNotAllowed = "BSP-N001", INVALID, "The site does not allow this name for a Cluster.";
    NetworksOverlap = "BSP-N002", INVALID, "Two networks of one cluster overlap, or one overlaps the machines'.";
    NetworkTaken = "BSP-N003", INVALID, "Another cluster has this network, or a part of it.";
    NetworksExhausted = "BSP-N004", INVALID, "The site has no network left for another cluster.";
    AddressesExhausted = "BSP-I001", Class::Forbidden, "The tenant has no address, or no range, left in a pool.";
    CapacityExceeded = "BSP-I002", Class::Forbidden, "The pool could not serve the machines that would be added.";
    AddressTaken = "BSP-I003", INVALID, "Somebody else has the address, or had it a moment ago.";
    AddressNotOffered = "BSP-I004", INVALID, "The address is none that the tenant may have of the site's pool.";
    ReservedInVain = "BSP-I005", Class::Unavailable, "Addresses were reserved for too many machines that were never stored.";
    PoolNotReady = "BSP-I006", Class::Unavailable, "An AddressPool that the Site names is not there, is faulty or overlaps another one.";
    EndpointDiffers = "BSP-I007", INVALID, "Two objects of one cluster name different addresses of its API server.";
    AddressChanged = "BSP-I008", Class::Forbidden, "The address of a machine is changed or taken away.";
    PoolNotOffered = "BSP-I009", NOT_SUPPORTED, "Machines take addresses from a pool that is not the site's.";
    PoolFaulty = "BSP-I010", INVALID, "An AddressPool contradicts itself.";
    PoolOverlaps = "BSP-I011", INVALID, "An AddressPool overlaps another one of its domain.";
    PoolInUse = "BSP-I012", Class::Forbidden, "An AddressPool that addresses are leased of is deleted, or changed so that they would not be its own.";
    LeaseInUse = "BSP-I013", Class::Forbidden, "An AddressLease that somebody holds is deleted.";
    LeaseFaulty = "BSP-I014", INVALID, "An AddressLease contradicts itself, or its pool.";
    AddressReplaced = "BSP-I015", Class::Warning, "A machine that was stored too late got another address.";
    AddressShared = "BSP-I016", Class::Warning, "A stored machine has an address that somebody else holds.";
    AddressNotBinding = "BSP-I017", Class::Warning, "A dry-run shows an address that would be given now, and reserves none.";
    AddressMissing = "BSP-I018", Class::Warning, "A stored machine has no address, and none is to be had.";
    ClustersExceeded = "BSP-Q001", Class::Forbidden, "More clusters are asked for than the tenant may have.";
    NodesPerClusterExceeded = "BSP-Q002", Class::Forbidden, "More machines are asked for than one cluster may have.";
    NodesExceeded = "BSP-Q003", Class::Forbidden, "More machines are asked for than the tenant may have.";
    ControlPlaneNodesExceeded = "BSP-Q004", Class::Forbidden, "More machines of control planes are asked for than the tenant may have.";
    VcpusExceeded = "BSP-Q005", Class::Forbidden, "More virtual CPUs are asked for than the tenant may have.";
    MemoryExceeded = "BSP-Q006", Class::Forbidden, "More memory is asked for than the tenant may have.";
    DiskExceeded = "BSP-Q007", Class::Forbidden, "More disk is asked for than the tenant may have.";
    GpusExceeded = "BSP-Q008", Class::Forbidden, "More GPUs are asked for than the tenant may have.";
    AddressQuotaExceeded = "BSP-Q009", Class::Forbidden, "More addresses are asked for than the tenant may have.";
    LoadBalancerRangesExceeded = "BSP-Q010", Class::Forbidden, "More ranges for load balancers are asked for than the tenant may have.";
    ClustersOfTypeExceeded = "BSP-Q011", Class::Forbidden, "More clusters of a type are asked for than the tenant may have.";
    NodePoolsExceeded = "BSP-Q012", Class::Forbidden, "More groups of workers are asked for than the tenant may have.";
    NodeSpecTooLarge = "BSP-Q013", Class::Forbidden, "Machines are larger than the tenant may have them.";
    SoftLimitExceeded = "BSP-Q014", Class::Warning, "More is asked for than the tenant is meant to have; it is let in.";
    LedgerNotReady = "BSP-Q015", Class::Unavailable, "What the tenant uses is not counted yet.";
    ChargeFailed = "BSP-Q016", Class::Unavailable, "What is asked for could not be charged: others were faster each time, or the API server did not answer.";
    QuotaOverrun = "BSP-Q017", Class::Warning, "More is used than the tenant may have; it is let in, as an admin or a controller brings it.";
    TenantFaulty = "BSP-Q018", INVALID, "A Tenant contradicts itself, or stands above itself.";
    TenantInUse = "BSP-Q019", Class::Forbidden, "A Tenant that uses something is deleted.";
    LedgerFull = "BSP-Q020", Class::Forbidden, "More objects are counted than a ledger may hold; templates that nobody refers to count as well.";
    ChangedWhileDeleting = "BSP-D001", Class::Forbidden, "The spec or owner of an object that is being deleted is changed.";
    TypeAssumed = "BSP-W001", Class::Warning, "The Cluster is not known yet, so the site's default type was taken.";
    SpecAssumed = "BSP-W002", Class::Warning, "Nothing links to the template yet, or its Cluster is not known, so the site's default node spec was taken.";
    ClusterNameGuessed = "BSP-W003", Class::Warning, "The object names no Cluster; which one was taken is a guess.";
    IdentityReplaced = "BSP-W004", Class::Warning, "The identity was replaced by the site's.";
    ImageVersionDiffers = "BSP-W005", Class::Warning, "The VM template holds another Kubernetes version than the machines are to run.";
    Tolerated = "BSP-W006", Class::Warning, "The stored object already broke this rule; it is not held against this request.";
    VersionAssumed = "BSP-W007", Class::Warning, "The control plane is not known yet, so the site's default Kubernetes version was taken.";
    ArgumentDropped = "BSP-W008", Class::Warning, "An argument that the new Kubernetes version does not have was taken out.";
    ScaleReverted = "BSP-W009", Class::Warning, "The Cluster's topology sets this number of machines again.";
    TopologyNotOffered = "BSP-W010", Class::Warning, "A Cluster names nothing that it is made of, and the site has no ClusterClass to fill it in.";
    AddressToBeNamed = "BSP-W011", Class::Warning, "The site hands out no address for the API server of a topology, and none is named.";
    SizeReplaced = "BSP-W012", Class::Warning, "A size in a stored topology is that of another node spec than its group's, and was replaced.";
    GroupDisappears = "BSP-W013", Class::Warning, "A group of a stored topology is not written any more, so that its nodes are taken away.";
    CloudNotTheSites = "BSP-P001", NOT_SUPPORTED, "An OpenStack cloud, identity or network is not the site's.";
    FlavorNotOffered = "BSP-P002", NOT_SUPPORTED, "The OpenStack flavor is not one of the site's.";
    ProviderImageNotOffered = "BSP-P003", NOT_SUPPORTED, "The OpenStack or Metal3 image is not one of the site's.";
    FieldNotOffered = "BSP-P004", INVALID, "A field of an OpenStack or Metal3 object reaches beyond what the site offers.";
    HostsNotOffered = "BSP-P005", NOT_SUPPORTED, "The hosts that a Metal3 template selects are those of no node spec.";
    ProviderNotOffered = "BSP-P006", NOT_SUPPORTED, "The site has nothing of this infrastructure provider.";
    CloudAssumed = "BSP-P007", Class::Warning, "Nothing tells the OpenStack cloud yet, so the site's default was taken.";
    PolicyViolated = "BSP-G001", Class::Forbidden, "A policy of the cluster refuses the object, or could not be asked.";
    PolicyWarns = "BSP-G002", Class::Warning, "A policy of the cluster warns of the object.";
    PolicyTolerated = "BSP-G003", Class::Warning, "The stored object already broke this policy; it is not held against a controller.";
    PoliciesMissing = "BSP-G004", Class::Unavailable, "No policies have been loaded yet.";
    PolicyWaived = "BSP-G005", Class::Warning, "A policy of the cluster refuses the object; a PolicyWaiver lets it in until it expires.";
    InventoryMissing = "BSP-G006", Class::Unavailable, "A policy looks for objects of a kind of which it is not known yet which there are.";
    ImageNotAllowed = "BSP-M001", NOT_SUPPORTED, "An image, or a place of images, is in none of the site's registries.";
    ImageMalformed = "BSP-M002", INVALID, "What is to be an image, or a place of images, is no reference of one.";
    FetchedElsewhere = "BSP-M003", INVALID, "Something is fetched from a host that is not the site's, and applied, installed or run.";
    FileUndecodable = "BSP-M004", INVALID, "The content of a file is not of the encoding that it names.";
    ImagesUnseen = "BSP-M005", Class::Warning, "Which images come of this cannot be seen.";
    RepositoryAssumed = "BSP-M006", Class::Warning, "A control plane names no repository, so that kubeadm takes its images from the internet.";
    ImageRewritten = "BSP-M007", Class::Warning, "An image was rewritten to the one that the site keeps.";
    WrongType = "BSP-F001", INVALID, "A field that Basphere reads has another JSON type than the API's.";
    UnknownField = "BSP-F002", INVALID, "The API has no such field; the API server refuses it before any rule is asked.";
    UnknownKind = "BSP-F003", NOT_SUPPORTED, "The API has no such kind, or not in this version.";
}

impl Code {
    /// Whether such a finding follows from the object, the stored object and the Site alone: no other
    /// object, known or not, changes it.
    #[must_use]
    pub const fn is_certain(self) -> bool {
        matches!(
            self,
            Self::TooMany
                | Self::KindNotForTenants
                | Self::OwnerReferenceChanged
                | Self::SelectorLabelChanged
                | Self::OtherNamespace
                | Self::FieldOfControllers
                | Self::EndpointChanged
                | Self::NameNotAllowed
                | Self::NetworksOverlap
                | Self::OwnerChanged
                | Self::PlacementNotTheSites
                | Self::ImageNotOffered
                | Self::DhcpNotThere
                | Self::AddressInTemplate
                | Self::ClusterNameDiffers
                | Self::ChangedWhileDeleting
                | Self::IdentityReplaced
                | Self::ImageNotAllowed
                | Self::ImageMalformed
                | Self::FetchedElsewhere
                | Self::FileUndecodable
                | Self::WrongType
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One reason, as a person reads it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// What kind of reason.
    pub code: Code,
    /// Where in the object, in kubectl's notation (`spec.replicas`, `spec.files[0].path`).
    pub path: String,
    /// What stands there; `null` when nothing does.
    pub value: Value,
    /// The rule, with its numbers and names.
    pub message: String,
    /// What would pass, or what to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The command that shows more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<&'static str>,
}

impl Finding {
    /// A finding at `path`, where `value` stands.
    pub fn new(
        code: Code,
        path: impl Into<String>,
        value: Value,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            path: path.into(),
            value,
            message: message.into(),
            hint: None,
            command: None,
        }
    }

    /// Adds the command that shows more.
    #[must_use]
    pub fn command(mut self, command: &'static str) -> Self {
        self.command = Some(command);
        self
    }

    /// Adds what would pass, or what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Everything but the path, which kubectl prints by itself for field errors:
    /// `Unsupported value: "x": message; hint [code]; command`, as Kubernetes words its own.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = match self.code.class() {
            Class::Field(reason) => format!("{}: ", field_error(reason)),
            Class::Forbidden => "Forbidden: ".to_owned(),
            Class::BadRequest | Class::Unavailable | Class::Warning => String::new(),
        };
        if !self.value.is_null() {
            text.push_str(&format!("{}: ", shortened(&self.value)));
        }
        text.push_str(&self.message);
        if let Some(hint) = &self.hint {
            text.push_str("; ");
            text.push_str(hint);
        }
        text.push_str(&format!(" [{}]", self.code));
        if let Some(command) = self.command {
            text.push_str("; ");
            text.push_str(command);
        }
        text
    }
}

/// The words that Kubernetes uses for its own field errors.
fn field_error(reason: &str) -> &'static str {
    match reason {
        "FieldValueNotSupported" => "Unsupported value",
        "FieldValueRequired" => "Required value",
        _ => "Invalid value",
    }
}

/// A value as JSON, cut where it would drown the message.
fn shortened(value: &Value) -> String {
    const MOST: usize = 80;
    let text = value.to_string();
    if text.chars().count() <= MOST {
        text
    } else {
        text.chars().take(MOST).chain(['…']).collect()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.text())
        } else {
            write!(f, "{}: {}", self.path, self.text())
        }
    }
}
