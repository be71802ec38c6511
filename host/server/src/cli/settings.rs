//! `mainworker settings`: whether the settings can be used, and what they say.

use super::remote::now;
use crate::access::Access;
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::settings::{RegistrySettings, Settings, TrustSettings};
use crate::terminal;
use crate::tls;
use clap::{Args, Subcommand};
use mainworker_domain::limits::{LIMITS, Unit};
use mainworker_domain::quantity::{format_bytes, format_ms};
use mainworker_publishing::place::RegistryHost;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Check or show the host's settings.
#[derive(Debug, Subcommand)]
pub enum SettingsCommand {
    /// Read the settings and open all that they name
    #[command(after_help = "Example:
  mainworker settings check --settings mainworker.toml")]
    Check(SettingsArgs),
    /// Print the settings in force as JSON, without secrets
    #[command(after_help = "Example:
  mainworker settings show | jq .limits")]
    Show(SettingsArgs),
}

/// Which settings.
#[derive(Args, Debug)]
pub struct SettingsArgs {
    /// Settings file [default: mainworker.toml, if it is here]
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
}

pub(super) fn settings(command: &SettingsCommand) -> Result<ExitCode, Failure> {
    match command {
        SettingsCommand::Check(args) => check(&Settings::load(args.settings.as_deref())?),
        SettingsCommand::Show(args) => {
            let settings = Settings::load(args.settings.as_deref())?;
            terminal::print_json(&serde_json::to_string_pretty(&to_json(&settings)).unwrap_or_default())?;
            Ok(ExitCode::Completed)
        }
    }
}

fn check(settings: &Settings) -> Result<ExitCode, Failure> {
    if let Some(failure) = settings.unusable(settings.modules_dir.as_deref()).into_iter().next() {
        return Err(failure);
    }
    Access::of(&settings.server)?;
    if let Some(tls) = &settings.server.tls {
        tls::read(tls)?;
    }
    if let Some(closed) = settings.closed() {
        terminal::note(closed);
    }
    let now = now();
    for key in settings.trust.policy.keys.iter().filter(|key| key.valid_until <= now) {
        let (id, until) = (&key.id, key.valid_until);
        let told =
            format!("`[trust.keys.{id}]` was valid until {until}: nothing is deployed with it any more");
        terminal::print_warning(&told, None);
    }
    if !settings.trust.policy.keys.is_empty() && settings.trust.from.is_empty() {
        terminal::print_warning("`[trust]` has keys and no `from`: nothing is deployed from anywhere", None);
    }
    let file = match &settings.file {
        Some(file) => format!("`{}`", file.display()),
        None => "no settings file; everything is at its default".to_owned(),
    };
    let (keys, places) = (settings.trust.policy.keys.len(), settings.trust.from.len());
    let mut named = vec![counted(settings.offer.mounts.len(), "mount", "mounts")];
    if keys + places > 0 {
        named.push(counted(keys, "trusted key", "trusted keys"));
        named.push(counted(places, "place of modules", "places of modules"));
    }
    terminal::print(&format!("{file}: can be used, {}", named.join(", ")))?;
    Ok(ExitCode::Completed)
}

fn counted(count: usize, one: &str, several: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {several}") }
}

/// The settings in force. Of configuration values and tokens only that they are there.
fn to_json(settings: &Settings) -> Value {
    let limits = LIMITS.iter().map(|spec| {
        let value = settings.offer.ceilings.get(spec.limit);
        let default = if spec.in_manifest { spec.ceiling } else { spec.default };
        let value = value.unwrap_or(default);
        let shown = if spec.unit == Unit::Count { json!(value) } else { json!(spec.limit.format(value)) };
        (spec.key.to_owned(), shown)
    });
    let files =
        settings.offer.mounts.iter().map(|(name, mount)| {
            (name.clone(), json!({ "path": mount.path, "access": mount.access.as_str() }))
        });
    let sources = settings
        .source_rates
        .iter()
        .map(|(name, rate)| (name.clone(), json!({ "rate-limit": rate.to_json() })));
    json!({
        "file": settings.file,
        "trust": trust(&settings.trust),
        "registries": settings.registries.iter().map(registry).collect::<serde_json::Map<_, _>>(),
        "modules": { "dir": settings.modules_dir(None) },
        "files": files.collect::<serde_json::Map<_, _>>(),
        "http": {
            "allow": settings.http.allow.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "allow-private": settings.http.allow_private.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "ca-file": settings.http.ca_file,
        },
        "configuration": {
            "env-prefix": settings.configuration.env_prefix,
            "files-dir": settings.configuration.files_dir,
            "values": hidden(&settings.configuration.values),
        },
        "limits": limits.collect::<serde_json::Map<_, _>>(),
        "server": {
            "listen": settings.server.listen,
            "tls": {
                "cert": settings.server.tls.as_ref().map(|tls| &tls.cert),
                "key": settings.server.tls.as_ref().map(|tls| &tls.key),
            },
            "token": settings.server.token.as_ref().map(|_| "***"),
            "source": settings.server.source,
            "roles": settings.server.roles,
            "stop-grace": format_ms(settings.server.stop_grace_ms),
        },
        "sources": sources.collect::<serde_json::Map<_, _>>(),
        "queue": {
            "slots": settings.queue.slots,
            "memory": format_bytes(settings.queue.memory_bytes_max),
            "tasks-max": settings.queue.tasks_max,
        },
        "retention": {
            "completed": format_ms(settings.retention.completed_ms),
            "failed": format_ms(settings.retention.failed_ms),
            "cancelled": format_ms(settings.retention.cancelled_ms),
            "expired": format_ms(settings.retention.expired_ms),
            "audit": format_ms(settings.retention.audit_ms),
            "store": format_bytes(settings.retention.store_bytes_max),
        },
        "notify": {
            "webhook": settings.notify.as_ref().map(|_| "***"),
            "secret": settings.notify.as_ref().map(|_| "***"),
            "on": settings.notify.iter().flat_map(|notify| &notify.on).map(|notice| notice.as_str()).collect::<Vec<_>>(),
        },
    })
}

fn trust(trust: &TrustSettings) -> Value {
    let TrustSettings { from, policy, key_files } = trust;
    let keys = policy.keys.iter().map(|key| {
        let shown = json!({
            "file": key_files.get(&key.id),
            "pem": key.public_key.to_pem(),
            "valid-from": key.valid_from.to_string(),
            "valid-until": key.valid_until.to_string(),
            "jobs": key.jobs.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "builders": key.builders,
        });
        (key.id.clone(), shown)
    });
    json!({
        "from": from.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "required": policy.required.iter().map(|predicate| predicate.name()).collect::<Vec<_>>(),
        "keys": keys.collect::<serde_json::Map<_, _>>(),
        "revoked-keys": policy.revoked_keys,
        "revoked-digests": policy.revoked_digests.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "minimum-versions": policy.minimum_versions.iter().map(|(job, version)| (job.to_string(), json!(version.to_string()))).collect::<serde_json::Map<_, _>>(),
    })
}

fn registry((host, settings): (&RegistryHost, &RegistrySettings)) -> (String, Value) {
    let shown = json!({
        "username": settings.username,
        "password-file": settings.password_file,
        "plain-http": settings.plain_http || host.is_loopback(),
        "ca-file": settings.ca_file,
    });
    (host.to_string(), shown)
}

/// The keys of `value` without what they hold.
fn hidden(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), hidden(value))).collect(),
        Value::Null => json!({}),
        _ => json!("***"),
    }
}
