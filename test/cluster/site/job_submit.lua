-- A site's own rules. What a job of this name excludes can't be changed: some sites say so of all jobs.
function slurm_job_submit() return slurm.SUCCESS end

function slurm_job_modify(asked, job)
  if job.name == "not-excludable" and asked.exc_nodes ~= nil then return slurm.ERROR end
  return slurm.SUCCESS
end

return slurm.SUCCESS
