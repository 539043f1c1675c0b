export const describeField = (_where: string, _field: string): { meaning: string; erase?: string } => ({
  meaning: "",
});
