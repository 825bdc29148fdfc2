// On narrow screens the editors give up their line numbers and break long lines.

import { useGraphiQL } from "@graphiql/react";
import { useEffect } from "react";

export const NARROW = matchMedia("(max-width: 48rem)");

export function Layout() {
  const editors = useGraphiQL((state) => [state.queryEditor, state.variableEditor, state.headerEditor, state.responseEditor]);
  useEffect(() => {
    const adapt = () => {
      const narrow = NARROW.matches;
      for (const editor of editors) {
        editor?.updateOptions({ lineNumbers: narrow ? "off" : "on", wordWrap: narrow ? "on" : "off" });
      }
    };
    adapt();
    NARROW.addEventListener("change", adapt);
    return () => NARROW.removeEventListener("change", adapt);
  }, editors);
  return null;
}
