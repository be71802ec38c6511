//! What attempts say while they run.

use crate::stage::{Stage, in_time};
use mainworker_domain::event::{Event, Level, LogLine, Progress, Said};
use mainworker_domain::lifecycle::State;
use mainworker_domain::outcome::Outcome;
use mainworker_domain::task_id::TaskId;
use mainworker_queue::store::Store;
use mainworker_queue::verbs::log::{LogPlace, ReadLog};

fn line(number: u32) -> LogLine {
    LogLine { at_ms: 0, level: Level::Info, context: "test".to_owned(), message: format!("line {number}") }
}

async fn log(stage: &Stage, id: TaskId) -> Vec<LogLine> {
    let read = ReadLog { task: id, from: LogPlace::default(), bytes_max: 1_000_000 };
    let page = stage.store.log(read).await.unwrap().unwrap();
    page.lines.into_iter().map(|(_, line)| line).collect()
}

async fn hears_said(stage: &mut Stage) -> TaskId {
    let said = |event: &Event| match event {
        Event::AttemptSaid { task_id } => Some(*task_id),
        _ => None,
    };
    stage.hears(said).await
}

#[tokio::test]
async fn lines_are_there_while_it_runs_and_once_when_it_has_ended() {
    let mut stage = Stage::new();
    let id = stage.enqueue("{}").await;
    let dispatch = stage.dispatch(1);
    let begun = stage.begins().await;
    let lines: Vec<_> = (0..5).map(line).collect();
    for said in [0..2, 2..3] {
        lines[said.clone()].iter().for_each(|line| begun.live.hear(Said::Line(line.clone())));
        stage.advance(&dispatch, 200);
        assert_eq!(hears_said(&mut stage).await, id);
        assert_eq!(log(&stage, id).await, lines[..said.end]);
    }
    lines[3..].iter().for_each(|line| begun.live.hear(Said::Line(line.clone())));
    begun.end_with(Outcome::Completed, lines.clone());
    assert_eq!(stage.hears_end().await.2, State::Completed);
    assert_eq!(log(&stage, id).await, lines);
}

#[tokio::test]
async fn progress_is_there_while_it_runs() {
    let mut stage = Stage::new();
    let id = stage.enqueue("{}").await;
    let dispatch = stage.dispatch(1);
    let begun = stage.begins().await;
    let progress = Progress { percent: 40, message: "reading".to_owned() };
    begun.live.hear(Said::Progress(progress.clone()));
    stage.advance(&dispatch, 200);
    hears_said(&mut stage).await;
    assert_eq!(stage.view(id).await.progress, Some(progress));
}

#[tokio::test]
async fn progress_said_right_before_the_end_is_not_lost() {
    let mut stage = Stage::new();
    let ids = [stage.enqueue("{}").await, stage.enqueue("{}").await];
    let dispatch = stage.dispatch(2);
    let (short, long) = (stage.begins().await, stage.begins().await);
    let progress = |percent| Progress { percent, message: "writing".to_owned() };
    long.live.hear(Said::Progress(progress(10)));
    stage.advance(&dispatch, 200);
    hears_said(&mut stage).await;
    // Both end before the next look.
    short.live.hear(Said::Progress(progress(50)));
    for percent in [20, 100] {
        long.live.hear(Said::Progress(progress(percent)));
    }
    for (begun, id, percent) in [(short, ids[0], 50), (long, ids[1], 100)] {
        begun.end(Outcome::Completed);
        assert_eq!(stage.hears_end().await.0, id);
        assert_eq!(stage.view(id).await.progress, Some(progress(percent)));
    }
    assert_eq!(stage.store.count("record"), 1);
}

#[tokio::test]
async fn whoever_says_nothing_costs_nothing() {
    let mut stage = Stage::new();
    stage.enqueue("{}").await;
    let dispatch = stage.dispatch(1);
    let _begun = stage.begins().await;
    for _ in 0..5 {
        stage.advance(&dispatch, 200);
        in_time(dispatch.running()).await;
    }
    assert_eq!(stage.store.count("record"), 0);
}

#[tokio::test]
async fn what_could_not_be_kept_at_first_is_not_lost() {
    let mut stage = Stage::new();
    let ids = [stage.enqueue("{}").await, stage.enqueue("{}").await];
    let dispatch = stage.dispatch(2);
    let (goes_on, ends) = (stage.begins().await, stage.begins().await);
    stage.store.set_failing(true);
    for begun in [&goes_on, &ends] {
        begun.live.hear(Said::Line(line(0)));
        begun.live.hear(Said::Progress(Progress { percent: 30, message: String::new() }));
    }
    stage.advance(&dispatch, 200);
    in_time(stage.store.counted("record", 1)).await;
    goes_on.live.hear(Said::Line(line(1)));
    ends.end_with(Outcome::Completed, vec![line(0)]);
    in_time(stage.store.counted("settle", 1)).await;
    stage.store.set_failing(false);
    stage.advance(&dispatch, 200);
    stage.hears_end().await;
    assert_eq!(log(&stage, ids[1]).await, [line(0)], "its end brings all lines");
    assert_eq!(stage.view(ids[1]).await.progress.unwrap().percent, 30, "and its progress");
    // What was said since then comes after what was tried before.
    while log(&stage, ids[0]).await.len() < 2 {
        stage.advance(&dispatch, 200);
        in_time(dispatch.running()).await;
    }
    assert_eq!(log(&stage, ids[0]).await, [line(0), line(1)]);
}
