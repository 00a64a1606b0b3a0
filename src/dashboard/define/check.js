(()=>{
const form=document.getElementById("define"), touched=new Set();
let timer, asked=0;
form.addEventListener("input", event=>{
  touched.add(event.target.id);
  clearTimeout(timer);
  timer=setTimeout(check, 400);
});
async function check(){
  const mine=++asked, body=new URLSearchParams(new FormData(form));
  body.set("act", "check");
  const answer=await fetch(form.action, {method: "POST", body}).catch(()=>null);
  if(!answer || mine!==asked) return;
  const page=new DOMParser().parseFromString(await answer.text(), "text/html");
  for(const id of touched){
    const [own, fresh]=[document, page].map(of=>of.getElementById(id));
    if(!fresh) continue;
    own.toggleAttribute("aria-invalid", false);
    if(fresh.hasAttribute("aria-invalid")) own.setAttribute("aria-invalid", "true");
    const [hint, told]=[document, page].map(of=>of.getElementById(id+"-hint"));
    if(hint && told && hint.innerHTML!==told.innerHTML) hint.innerHTML=told.innerHTML;
  }
  const [all, now]=[document, page].map(of=>of.getElementById("mistakes"));
  if(touched.has("text") && now) all.innerHTML=now.innerHTML;
}
})();
