//! `mainworker token`: who may ask a host for something.

use super::remote::{Moment, RemoteArgs, ahead, now, now_for, print_json, runtime};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::hints;
use crate::host::Running;
use crate::terminal;
use crate::tokens::{self, TokenAsked};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use mainworker_client::Client;
use mainworker_client::wire::{TokenCreated, TokenInfo, TokenRequest};
use mainworker_domain::access::Role;
use mainworker_domain::audit::Actor;
use mainworker_domain::job_name::JobName;
use secrecy::ExposeSecret;
use std::path::Path;

/// Make, list and revoke tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token and print it, once
    #[command(after_help = "Examples:
  mainworker token create --source api --role enqueue --jobs send-email,edge-logs --expires 90d
  mainworker token create --data /var/lib/mainworker --source ops --role read --role operate --role admin

With `--data DIR` it is made by whoever may open that folder, which is how the first one comes to be: over the socket of the host
that runs there, or in its store if none does. Otherwise the host is asked, with a token that has the role `admin`.")]
    Create(CreateArgs),
    /// List all tokens, without their secrets
    #[command(after_help = "Example:
  mainworker token list")]
    List(ListArgs),
    /// Make a token worthless, at once and for good
    #[command(after_help = "Example:
  mainworker token revoke 7k3m0q9zt2ab")]
    Revoke(RevokeArgs),
}

/// What the token is.
#[derive(Args, Debug)]
pub struct CreateArgs {
    /// Whom it stands for: the only source that envelopes sent with it may have
    #[arg(long, value_name = "SOURCE")]
    source: String,
    /// What it may do; can be given more than once
    #[arg(long = "role", value_name = "ROLE", required = true, value_parser = roles())]
    roles: Vec<String>,
    /// The only jobs that it is for, separated by commas [default: all]
    #[arg(long, value_name = "JOB,…", value_delimiter = ',')]
    jobs: Vec<String>,
    /// When it ends, or after how long [default: never]
    #[arg(long, value_name = "TIME|DURATION", value_parser = ahead)]
    expires: Option<Moment>,
    /// Print the token and its name as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// How they are shown.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

/// Which one.
#[derive(Args, Debug)]
pub struct RevokeArgs {
    /// Its name, which stands between `mw_` and the next `_`
    #[arg(value_name = "ID")]
    id: String,
    /// Print the host's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArgs,
}

fn roles() -> PossibleValuesParser {
    PossibleValuesParser::new(Role::ALL.map(Role::as_str))
}

pub(super) fn token(command: &TokenCommand) -> Result<ExitCode, Failure> {
    match command {
        TokenCommand::Create(args) => create(args),
        TokenCommand::List(args) => list(args),
        TokenCommand::Revoke(args) => revoke(args),
    }
}

fn create(args: &CreateArgs) -> Result<ExitCode, Failure> {
    let ask = async |client: &Client| {
        let now = now_for(client, args.expires).await;
        let request = TokenRequest {
            source: args.source.clone(),
            roles: args.roles.clone(),
            jobs: (!args.jobs.is_empty()).then(|| args.jobs.clone()),
            expires_at: args.expires.map(|moment| moment.after(now).to_string()),
        };
        client.create_token(&request).await
    };
    let created = match args.remote.data() {
        Some(data) => match args.remote.ask_if_there(ask)? {
            Some(created) => created,
            None => in_folder(args, data)?,
        },
        None => args.remote.ask(async |client| Ok(ask(client).await?))?,
    };
    if args.json {
        print_json(&created)?;
    } else {
        terminal::print(&created.token)?;
        terminal::note(&format!(
            "this is the token `{}`, and nobody can be shown it again: put it where its holder looks for secrets",
            created.id
        ));
    }
    Ok(ExitCode::Completed)
}

/// Makes it without any host.
fn in_folder(args: &CreateArgs, data: &Path) -> Result<TokenCreated, Failure> {
    let job = |name: &String| {
        JobName::parse(name)
            .map_err(|error| Failure::usage("token_invalid", error, hints::of_token_not_made()))
    };
    let jobs = args.jobs.iter().map(job).collect::<Result<Vec<_>, _>>()?;
    let asked = TokenAsked {
        source: args.source.clone(),
        jobs: (!jobs.is_empty()).then_some(jobs),
        roles: args.roles.iter().filter_map(|word| Role::parse(word)).collect(),
        expires_at: args.expires.map(|moment| moment.after(now())),
    };
    runtime()?.block_on(async {
        let store = Running::open_store_alone(data, now())?;
        let made = tokens::create(&store, asked, Actor::Operator, now()).await?;
        Ok(TokenCreated { id: made.id.to_string(), token: made.token.expose_secret().to_owned() })
    })
}

fn list(args: &ListArgs) -> Result<ExitCode, Failure> {
    let list = args.remote.ask(async |client| Ok(client.tokens().await?))?;
    if args.json {
        print_json(&list)?;
    } else if list.tokens.is_empty() {
        terminal::note("no token was ever made; `mainworker token create` makes one");
    } else {
        terminal::print(&table(&list.tokens))?;
    }
    Ok(ExitCode::Completed)
}

fn table(tokens: &[TokenInfo]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "TOKEN",
        "STATE",
        "SOURCE",
        "ROLES",
        "JOBS",
        "EXPIRES",
        "LAST USED",
    ]);
    for token in tokens {
        let jobs = token.jobs.as_ref().map_or_else(|| "all".to_owned(), |jobs| jobs.join(","));
        let moment = |moment: &Option<String>, none: &str| moment.clone().unwrap_or_else(|| none.to_owned());
        table.add_row([
            token.id.clone(),
            token.state.clone(),
            token.source.clone().unwrap_or_default(),
            token.roles.join(","),
            jobs,
            moment(&token.expires_at, "never"),
            moment(&token.last_used_at, "never"),
        ]);
    }
    table.trim_fmt()
}

fn revoke(args: &RevokeArgs) -> Result<ExitCode, Failure> {
    let answer = args.remote.ask(async |client| Ok(client.revoke_token(&args.id).await?))?;
    if args.json {
        print_json(&answer)?;
    } else {
        terminal::print(&format!("{} {}", answer.id, answer.revoke))?;
    }
    Ok(ExitCode::Completed)
}
