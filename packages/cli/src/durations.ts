// Times as a person says them. Pure.

/** "45 s", "3 min 20 s", "2 h 5 min", "3 d 4 h". */
export function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  const hours = Math.floor(whole / 3600)
  if (hours < 48) return `${hours} h ${Math.floor((whole % 3600) / 60)} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}
