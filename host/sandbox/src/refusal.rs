//! Why a module or a grant is refused, one variant per stable code. Facts without advice; the program's edge adds hints.

use mainworker_domain::catalog::{CONTRACT, DescriptionError};
use mainworker_domain::egress::EgressRefusal;
use mainworker_domain::limits::{Limit, MODULE_BYTES_MAX, OverCeiling};
use mainworker_domain::manifest::Access;
use mainworker_domain::quantity::approximate_bytes;

/// The name of the custom section that carries a module's manifest.
pub const MANIFEST_SECTION: &str = "mainworker:manifest";

/// Why a module is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModuleRefusal {
    /// Larger than the limit.
    #[error("the module has {observed_bytes} bytes, expected at most {MODULE_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        observed_bytes: u64,
    },
    /// Not WebAssembly at all, or damaged.
    #[error("the file is not a WebAssembly component: {0}")]
    NotWasm(String),
    /// A core module.
    #[error("the file is a core WebAssembly module, expected a component")]
    CoreModule,
    /// No manifest section at the component's top level.
    #[error("the module has no section `{MANIFEST_SECTION}`, expected one at the component's top level")]
    ManifestMissing,
    /// More than one.
    #[error("the module has {count} sections `{MANIFEST_SECTION}`, expected one")]
    ManifestRepeated {
        /// How many.
        count: usize,
    },
    /// A section that is not valid.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// No export of the contract's handler.
    #[error("the module exports no job: expected the export `{expected}`, found {}", found.as_deref().map_or_else(|| "none like it".to_owned(), |name| format!("`{name}`")))]
    HandlerMissing {
        /// The export that the contract asks for.
        expected: String,
        /// A handler of another version, if that is what it exports.
        found: Option<String>,
    },
    /// An import of the contract in another version.
    #[error("the module imports `{found}`, expected contract `{CONTRACT}`")]
    OtherContract {
        /// The import.
        found: String,
    },
    /// An import that the manifest does not ask for.
    #[error("the module imports `{import}`, which its manifest does not ask for")]
    ImportNotAsked {
        /// The import.
        import: String,
        /// What would ask for it in `job.toml`.
        ask: &'static str,
    },
    /// An import that no capability of this host provides.
    #[error("the module imports `{import}`, which this host does not offer")]
    ImportUnknown {
        /// The import.
        import: String,
    },
    /// The file is that of another job.
    #[error("the module calls itself `{found}`, expected `{expected}`")]
    OtherName {
        /// The job that was asked for.
        expected: String,
        /// The job in its manifest.
        found: String,
    },
    /// The compiler or the linker does not take it.
    #[error("the module does not compile: {0}")]
    NotCompilable(String),
}

impl ModuleRefusal {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "module_too_large",
            Self::NotWasm(_) => "module_not_wasm",
            Self::CoreModule => "module_not_a_component",
            Self::ManifestMissing => "module_manifest_missing",
            Self::ManifestRepeated { .. } => "module_manifest_repeated",
            Self::Description(DescriptionError::OtherContract { .. }) | Self::OtherContract { .. } => {
                "module_contract_version"
            }
            Self::Description(_) => "module_manifest_invalid",
            Self::HandlerMissing { found: Some(_), .. } => "module_contract_version",
            Self::HandlerMissing { found: None, .. } => "module_handler_missing",
            Self::ImportNotAsked { .. } => "module_import_not_asked",
            Self::ImportUnknown { .. } => "module_import_unknown",
            Self::OtherName { .. } => "module_other_name",
            Self::NotCompilable(_) => "module_not_compilable",
        }
    }
}

/// Why an attempt's grants are refused: the settings do not give what the manifest requires.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefusal {
    /// The settings have no such mount.
    #[error("`{job}` requires the mount `{mount}` for {}, the host's settings have no such mount", access.as_str())]
    MountNotGiven {
        /// The job.
        job: String,
        /// The mount.
        mount: String,
        /// What for.
        access: Access,
        /// A mount of the settings with a name like it.
        nearest: Option<String>,
    },
    /// The settings give the mount for reading only.
    #[error("`{job}` requires the mount `{mount}` for read-write, the host's settings give it for read")]
    MountReadOnly {
        /// The job.
        job: String,
        /// The mount.
        mount: String,
    },
    /// The folder behind the mount cannot be opened.
    #[error("the mount `{mount}` at `{path}` cannot be opened: {problem}")]
    MountUnavailable {
        /// The mount.
        mount: String,
        /// The folder on the host.
        path: String,
        /// What the operating system says.
        problem: String,
    },
    /// Too little space behind a writable mount.
    #[error(
        "the file system of the mount `{mount}` has {} free, expected at least {}",
        approximate_bytes(*observed_bytes), Limit::FreeSpace.format(*floor_bytes)
    )]
    FreeSpace {
        /// The mount.
        mount: String,
        /// What is free.
        observed_bytes: u64,
        /// What must stay free.
        floor_bytes: u64,
    },
    /// Requests that the settings do not allow, or that lead nowhere.
    #[error(transparent)]
    Egress(#[from] EgressRefusal),
    /// A limit over the host's ceiling.
    #[error(transparent)]
    OverCeiling(#[from] OverCeiling),
}

impl GrantRefusal {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MountNotGiven { .. } => "mount_not_granted",
            Self::MountReadOnly { .. } => "mount_read_only",
            Self::MountUnavailable { .. } => "mount_unavailable",
            Self::FreeSpace { .. } => "free_space",
            Self::Egress(EgressRefusal::NotAllowed { .. }) => "origin_not_allowed",
            Self::Egress(EgressRefusal::Unset { .. }) => "origin_unset",
            Self::Egress(EgressRefusal::NotAnOrigin { .. }) => "origin_invalid",
            Self::OverCeiling(_) => "limit_over_ceiling",
        }
    }
}
