//! Reads the function under `#[mainworker::job]` and refuses what can't be a job, at the token that is wrong.
//!
//! Types are judged by the last name of their path: an attribute sees tokens, not what they resolve to. What passes here
//! and is something else after all is then found by the compiler in the code of `expansion`.

use std::fmt::Display;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{
    Error, FnArg, GenericArgument, Item, PathArguments, PathSegment, ReturnType, Safety, Signature, Token,
    Type,
};

const SHAPE: &str =
    "hint: a job looks like `fn run(task: &Task, payload: Payload) -> Result<Report, Failure>`";

/// What the expansion needs to know of the author's function.
pub(crate) struct JobFunction {
    pub(crate) name: Ident,
    pub(crate) payload: Type,
    pub(crate) report: Type,
}

/// Why something is no job.
pub(crate) struct Refusal {
    pub(crate) error: Error,
    /// Whether the item makes sense where it stands, but for this.
    pub(crate) keep_item: bool,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { error, keep_item: true }
    }
}

pub(crate) fn read(attribute: &TokenStream, item: &TokenStream) -> Result<JobFunction, Refusal> {
    if !attribute.is_empty() {
        let found = written(attribute);
        return Err(refuse(
            attribute,
            format!("`#[mainworker::job]` takes no arguments, found `{found}`"),
            "hint: name, limits, retries and grants of a job are said in its job.toml",
        )
        .into());
    }
    let signature = signature(item)?;
    if let Some(receiver) = signature.receiver() {
        let error = refuse(
            receiver,
            format!("a job is a function of its own, found a method with `{}`", written(receiver)),
            "hint: move it out of the `impl` and drop the receiver: each attempt starts from nothing",
        );
        return Err(Refusal { error, keep_item: false });
    }
    Ok(check(signature)?)
}

fn signature(item: &TokenStream) -> Result<Signature, Refusal> {
    let found = match syn::parse2(item.clone()) {
        Ok(Item::Fn(function)) => return Ok(function.sig),
        Ok(Item::Struct(_)) => "a struct",
        Ok(Item::Enum(_) | Item::Union(_)) => "an enum or union",
        Ok(Item::Impl(_)) => "an `impl` block",
        Ok(Item::Mod(_)) => "a module",
        Ok(Item::Trait(_)) => "a trait",
        Ok(Item::Const(_) | Item::Static(_)) => "a constant",
        Ok(Item::Use(_)) => "a `use`",
        // The one item without a variant of its own that looks like a job.
        Ok(Item::Verbatim(_)) => "a function without a body",
        Ok(_) => "something else",
        Err(error) => return Err(Refusal { error, keep_item: true }),
    };
    Err(refuse(item, format!("`#[mainworker::job]` goes on a function, found {found}"), SHAPE).into())
}

fn check(signature: Signature) -> Result<JobFunction, Error> {
    check_qualifiers(&signature)?;
    let payload = check_arguments(&signature)?;
    let report = check_output(&signature)?;
    Ok(JobFunction { name: signature.ident, payload, report })
}

fn check_qualifiers(signature: &Signature) -> Result<(), Error> {
    if signature.ident == "main" {
        return Err(refuse(
            &signature.ident,
            "a job cannot be called `main`: the host calls the job, there is no program to start",
            "hint: call it `run`, in src/lib.rs of a crate with `crate-type = [\"cdylib\", \"rlib\"]`",
        ));
    }
    if let Some(asyncness) = &signature.asyncness {
        return Err(refuse(
            asyncness,
            "a job is not `async`: an attempt is one call, and it may block",
            "hint: drop `async`; the host runs other attempts while this one waits",
        ));
    }
    if let Safety::Unsafe(token) = &signature.safety {
        return Err(refuse(token, "a job is not `unsafe`: its arguments are checked before the call", SHAPE));
    }
    if let Some(abi) = &signature.abi {
        let found = written(abi);
        return Err(refuse(abi, format!("a job is a plain Rust function, found `{found}`"), SHAPE));
    }
    let generics = &signature.generics;
    if !generics.params.is_empty() {
        let found = written(generics);
        return Err(refuse(
            generics,
            format!("a job has one payload type and one report type, found the generic parameters `{found}`"),
            "hint: name the types; an enum can be one of several payloads",
        ));
    }
    if let Some(clause) = &generics.where_clause {
        return Err(refuse(clause, "a job is not generic, found a `where` clause", SHAPE));
    }
    Ok(())
}

fn check_arguments(signature: &Signature) -> Result<Type, Error> {
    let arguments: Vec<&Type> = signature
        .inputs
        .iter()
        .filter_map(|argument| match argument {
            FnArg::Typed(argument) => Some(&*argument.ty),
            FnArg::Receiver(_) => None,
        })
        .collect();
    let (task, payload) = match arguments.as_slice() {
        [task, payload] => (*task, *payload),
        [] => return Err(refuse_at(signature.paren_token.span.join(), wrong_count("none"), SHAPE)),
        [_] => return Err(refuse(&signature.inputs, wrong_count("one"), SHAPE)),
        more => {
            let extra: Punctuated<&FnArg, Token![,]> = signature.inputs.iter().skip(2).collect();
            return Err(refuse(extra, wrong_count(&more.len().to_string()), SHAPE));
        }
    };
    check_task(task)?;
    check_payload(payload)?;
    Ok(payload.clone())
}

fn wrong_count(found: &str) -> String {
    format!("a job has two arguments, the task and its payload, found {found}")
}

fn check_task(task: &Type) -> Result<(), Error> {
    let found = written(task);
    let expected =
        |hint: &str| refuse(task, format!("a job's first argument is `&Task`, found `{found}`"), hint);
    let Type::Reference(reference) = task else {
        if is_named(task, "Task") {
            return Err(expected("hint: write `&Task`: the task is lent to the job"));
        }
        return Err(expected(SHAPE));
    };
    if !is_named(&reference.elem, "Task") {
        return Err(expected(SHAPE));
    }
    if reference.mutability.is_some() {
        return Err(expected("hint: drop `mut`: a job reads its task and doesn't change it"));
    }
    if reference.lifetime.is_some() {
        return Err(expected("hint: drop the lifetime: the task is lent for one attempt"));
    }
    Ok(())
}

fn check_payload(payload: &Type) -> Result<(), Error> {
    let found = written(payload);
    match payload {
        Type::Reference(reference) => Err(refuse(
            payload,
            format!("a job's second argument is its payload by value, found the reference `{found}`"),
            &format!("hint: write `{}`: the payload is the job's to keep", owned(&reference.elem)),
        )),
        Type::ImplTrait(_) => Err(refuse(
            payload,
            format!("a job's payload is one type, with one schema, found `{found}`"),
            "hint: name the type",
        )),
        _ => Ok(()),
    }
}

fn check_output(signature: &Signature) -> Result<Type, Error> {
    let ReturnType::Type(_, output) = &signature.output else {
        return Err(refuse(
            quote_head(signature),
            "a job returns `Result<Report, Failure>`, found no return type",
            "hint: a job with nothing to report returns `Result<(), Failure>`",
        ));
    };
    let found = written(output);
    let expected = |wrong: &dyn ToTokens, hint: &str| {
        refuse(wrong, format!("a job returns `Result<Report, Failure>`, found `{found}`"), hint)
    };
    let Some(result) = last_segment(output).filter(|segment| segment.ident == "Result") else {
        return Err(expected(output, "hint: only a `Result` can say that the attempt failed"));
    };
    let types = generic_types(result);
    let [report, failure] = types.as_slice() else {
        return Err(expected(output, "hint: write both types, the second is `mainworker::Failure`"));
    };
    if !is_named(failure, "Failure") {
        return Err(expected(
            failure,
            "hint: the error of a job is `mainworker::Failure`; `?` turns any error into one",
        ));
    }
    match report {
        Type::Reference(_) => Err(expected(report, "hint: a report borrows nothing")),
        Type::ImplTrait(_) => Err(expected(report, "hint: name the type: its schema is part of the module")),
        _ => Ok((*report).clone()),
    }
}

/// `fn name(…)`: what there is of a function without a return type.
fn quote_head(signature: &Signature) -> TokenStream {
    let Signature { fn_token, ident, inputs, paren_token, .. } = signature;
    let mut head = quote!(#fn_token #ident);
    paren_token.surround(&mut head, |tokens| inputs.to_tokens(tokens));
    head
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

fn is_named(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == name && segment.arguments.is_empty())
}

fn generic_types(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// What to write in place of a reference to `referent`.
fn owned(referent: &Type) -> String {
    match referent {
        Type::Slice(slice) => format!("Vec<{}>", written(&slice.elem)),
        _ if is_named(referent, "str") => String::from("String"),
        _ => written(referent),
    }
}

/// The tokens as an author would write them: printed tokens have a space at every joint.
fn written(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (printed, usual) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" < ", "<"),
        ("< ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" ,", ","),
        (" :", ":"),
        (" [", "["),
        ("[ ", "["),
        (" ]", "]"),
    ] {
        text = text.replace(printed, usual);
    }
    text
}

fn refuse(wrong: impl ToTokens, what: impl Display, hint: &str) -> Error {
    Error::new_spanned(wrong, format!("{what}\n{hint}"))
}

fn refuse_at(span: Span, what: impl Display, hint: &str) -> Error {
    Error::new(span, format!("{what}\n{hint}"))
}
