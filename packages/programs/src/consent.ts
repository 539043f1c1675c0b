const noRestriction = "DUO:0000004";
const generalResearch = "DUO:0000042";
const healthResearch = "DUO:0000006";
const diseaseResearch = "DUO:0000007";

/**
 * Whether people who consented to `consentClass` may be used for a purpose with the codes `duo`.
 * No restriction and general research admit any purpose; health research admits health and disease-specific
 * purposes; everything else admits only what it names. All codes of the purpose must be admitted.
 *
 * @source GA4GH Data Use Ontology, permission terms
 */
export function admitsPurpose(consentClass: readonly string[], duo: readonly string[]): boolean {
  if (consentClass.includes(noRestriction) || consentClass.includes(generalResearch)) return true;
  return duo.every(
    (code) =>
      consentClass.includes(code) || (code === diseaseResearch && consentClass.includes(healthResearch)),
  );
}
