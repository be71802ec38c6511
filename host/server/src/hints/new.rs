//! For `mainworker new`.

use crate::cli::new::NewProblem;

/// For a crate that is not made.
pub fn of_new(problem: &NewProblem) -> String {
    match problem {
        NewProblem::BadName { nearest: Some(nearest), .. } => format!("`mainworker new {nearest}`"),
        NewProblem::BadName { nearest: None, .. }
        | NewProblem::ReservedName { .. }
        | NewProblem::NameTaken { .. } => {
            "name it after what it does, such as `resize-thumbnails`".to_owned()
        }
        NewProblem::FolderExists { .. } => "take another name, or `--dir PARENT`".to_owned(),
        NewProblem::SdkMissing { .. } | NewProblem::NotTheSdk { .. } => {
            "`--sdk PATH` names the folder `guest-sdk` of MainWorker's repository".to_owned()
        }
        NewProblem::Members { member, .. } => {
            format!(
                "write the list as `members = [\"…\", \"{member}\"]` under `[workspace]`, or use `--dir PARENT`"
            )
        }
        NewProblem::Unwritable { .. } => {
            "check the folder and its permissions, or use `--dir PARENT`".to_owned()
        }
    }
}
