import { type Job, dismiss, jobs } from "../state/jobs.ts";
import { Icon } from "./icons.tsx";

export function Jobs() {
  return (
    <div class="jobs" role="log" aria-label="What is under way">
      {jobs.value.map((job) => (
        <JobLine key={job.id} job={job} />
      ))}
    </div>
  );
}

function JobLine({ job }: { job: Job }) {
  return (
    <div class={`job ${job.status}`}>
      {job.status === "waiting" ? <span class="spinner" /> : <Icon name={job.status === "done" ? "done" : "warning"} />}
      <span>
        <strong>{job.subject}</strong> {job.text}
      </span>
      <button class="quiet" onClick={() => dismiss(job.id)} aria-label="Dismiss">
        <Icon name="close" />
      </button>
    </div>
  );
}
